"""A language model in this process, through vLLM: as fast as a server of its own, for a machine with a GPU to spare."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from curation.annotators.checkpoints import describe_checkpoint, library
from curation.annotators.language.chat import AnswerFormat, ChatModel
from curation.annotators.language.entity_words import LanguageEntityWordsConfig, entity_words_by
from curation.annotators.protocols import EntityWordExtractor
from curation.stage import Resources
from dataset_schema import Annotator
from storage.checkpoints import checkpoint_folder
from storage.configs import UNDECISIVE, strict
from storage.numbers import expect_positive

_TIMEOUT_S: Final = 60.0
_GIB: Final = 1 << 30
# Without white space between its parts: a model that would rather write something else fills its answer with it.
_COMPACT_JSON: Final = {"backend": "xgrammar", "disable_any_whitespace": True}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class VllmChatConfig:
    """Which checkpoint, and how much of the GPU it gets.

    Attributes:
        model: a folder or hub name of an instruction-tuned causal language model, with its tokenizer.
        max_model_len: tokens of a question and its answer. Our choice: the instruction has about 700, the longest
            caption that is read 500, an answer 512.
        gpus: share of one GPU in the plan, which is also the share of its memory that vLLM takes at once. 0 for vLLM's
            builds for processors.
        gpu_memory_gib: of that GPU, for the plan.
        batch_size: questions at once. Our choice: as many as vLLM runs by default.
        precision: of the network; `auto` is the checkpoint's own.
        response_format: `json_schema` holds answers to Figure 7's dictionary, as with a server; `none` does not.
    """

    profile: Literal["vllm"] = "vllm"
    model: str = "mistralai/Mistral-7B-Instruct-v0.3"
    max_model_len: int = 4096
    gpus: float = field(default=0.5, metadata=UNDECISIVE)
    gpu_memory_gib: float = field(default=40.0, metadata=UNDECISIVE)
    batch_size: int = field(default=256, metadata=UNDECISIVE)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    response_format: Literal["none", "json_schema"] = "none"

    def __post_init__(self) -> None:
        if not 0 <= self.gpus <= 1:
            raise ValueError(f"gpus is {self.gpus}, expected a share of one GPU from 0 to 1")
        expect_positive("vllm", self, "gpu_memory_gib")
        if self.batch_size < 1 or self.max_model_len < 1:
            raise ValueError(
                f"batch_size is {self.batch_size} and max_model_len {self.max_model_len}, expected at least 1"
            )

    def chat(self, form: AnswerFormat) -> ChatModel:
        """The model; nothing is loaded yet."""
        return VllmChat(self, form)

    def build(self, instruction: LanguageEntityWordsConfig | None = None) -> EntityWordExtractor:
        """Entity words by the model; nothing is loaded yet."""
        return entity_words_by(self, instruction)


class VllmChat:
    """Answers a batch at a time, scheduled by vLLM: see `ChatModel`.

    Args:
        config: which checkpoint.
        form: what answers may look like.
    """

    def __init__(self, config: VllmChatConfig, form: AnswerFormat) -> None:
        self._config = config
        self._form = form
        self._engine: Any = None
        self._sampling: Any = None

    def describe(self, job: str) -> Annotator:
        """The checkpoint and its hash.

        Raises:
            FileNotFoundError: it is missing, or holds no safetensors.
        """
        return describe_checkpoint(job, self._config.model, [checkpoint_folder(self._config.model)])

    def identity(self) -> str:
        """Name, hash and what else decides."""
        deciding = {
            **asdict(self.describe("answers")),
            "precision": self._config.precision,
            "max_tokens": self._form.max_tokens,
            "response_format": self._config.response_format,
        }
        return json.dumps(deciding, sort_keys=True)

    @property
    def resources(self) -> Resources:
        """A share of a GPU, and as many questions as vLLM likes."""
        return Resources(
            gpus=self._config.gpus,
            gpu_memory_bytes=round(self._config.gpu_memory_gib * _GIB) if self._config.gpus else 0,
            memory_bytes=8 * _GIB,
            batch_size=self._config.batch_size,
            timeout_s=_TIMEOUT_S,
        )

    def load(self) -> None:
        """Start the engine; idempotent.

        Raises:
            ModuleNotFoundError: vllm is not installed.
            FileNotFoundError: the checkpoint is missing, or holds no safetensors.
        """
        if self._engine is not None:
            return
        folder = checkpoint_folder(self._config.model)
        vllm = library("vllm")
        self._sampling = vllm.SamplingParams(
            temperature=0.0, max_tokens=self._form.max_tokens, structured_outputs=self._structure()
        )
        share = {"gpu_memory_utilization": self._config.gpus} if self._config.gpus else {}
        self._engine = vllm.LLM(
            model=str(folder),
            load_format="safetensors",
            dtype=self._config.precision,
            max_model_len=self._config.max_model_len,
            seed=0,
            structured_outputs_config=_COMPACT_JSON,
            **share,
        )

    def answer(self, questions: Sequence[str]) -> list[str]:
        """See `ChatModel`."""
        self.load()
        replies = self._engine.chat(
            [[{"role": "user", "content": question}] for question in questions],
            self._sampling,
            use_tqdm=False,
            chat_template_kwargs={"enable_thinking": False},  # templates of models that do not think aloud ignore it
        )
        return [reply.outputs[0].text for reply in replies]

    def _structure(self) -> Any:
        """What holds answers to the schema, if they shall be."""
        if self._form.schema is None or self._config.response_format == "none":
            return None
        return library("vllm.sampling_params").StructuredOutputsParams(json=dict(self._form.schema))
