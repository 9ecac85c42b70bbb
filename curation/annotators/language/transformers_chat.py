"""A language model in this process, through `transformers`: any checkpoint with a chat template, on any device."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList
from transformers.utils.logging import disable_progress_bar

from curation.annotators.checkpoints import Device, check_finite, describe_checkpoint
from curation.annotators.language.chat import AnswerFormat
from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind
from storage.checkpoints import checkpoint_folder, load_whole

# Our choice: hundreds of tokens, one after the other, on a slow processor.
_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformersChatConfig:
    """Which checkpoint, and where it runs.

    Attributes:
        model: a folder or hub name of an instruction-tuned causal language model, with its tokenizer.
        device: where it runs. Our choice: half a large GPU, since seven thousand million weights in bfloat16 are 14 GB.
    """

    profile: Literal["transformers"] = "transformers"
    model: str = "mistralai/Mistral-7B-Instruct-v0.3"
    device: Device = field(default_factory=lambda: Device(gpus=0.5, gpu_memory_gib=24.0, memory_gib=16.0))


class TransformersChat:
    """Answers a batch at a time: see `ChatModel`. Simple and slow; a server or vLLM answers many times faster.

    Args:
        config: which checkpoint.
        form: what answers may look like; a schema is asked for by nobody here, the parser has to cope.
    """

    def __init__(self, config: TransformersChatConfig, form: AnswerFormat) -> None:
        self._config = config
        self._form = form
        self._model: Any = None
        self._tokenizer: Any = None

    def describe(self, job: str) -> Annotator:
        """The checkpoint and its hash.

        Raises:
            FileNotFoundError: it is missing, or holds no safetensors.
        """
        return describe_checkpoint(job, self._config.model, [checkpoint_folder(self._config.model)])

    def identity(self) -> str:
        """Name, hash and precision."""
        described = asdict(self.describe("answers"))
        precision = self._config.device.precision
        return json.dumps({**described, "precision": precision, "max_tokens": self._form.max_tokens}, sort_keys=True)

    @property
    def resources(self) -> Resources:
        """Those of the device."""
        return self._config.device.resources(timeout_s=_TIMEOUT_S)

    def load(self) -> None:
        """Load tokenizer and network; idempotent.

        Raises:
            FileNotFoundError: the checkpoint is missing, or holds no safetensors.
            ValueError: it is no causal language model, lacks weights, or has no chat template.
        """
        if self._model is not None:
            return
        folder = checkpoint_folder(self._config.model)
        _hide_progress()
        self._tokenizer, network = _read(folder, self._config.device.dtype)
        self._model = network.to(self._config.device.name).eval()

    def answer(self, questions: Sequence[str]) -> list[str]:
        """See `ChatModel`; the longest answers decide how long a batch takes."""
        self.load()
        tokens = self._tokenizer.apply_chat_template(
            [[{"role": "user", "content": question}] for question in questions],
            add_generation_prompt=True,
            enable_thinking=False,  # templates of models that do not think aloud ignore it
            padding=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self._config.device.name)
        asked = tokens["input_ids"].shape[1]
        self._check_length(asked)
        with torch.inference_mode():
            written = self._model.generate(
                input_ids=tokens["input_ids"],
                attention_mask=tokens["attention_mask"],
                max_new_tokens=self._form.max_tokens,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=self._tokenizer.pad_token_id,
                logits_processor=LogitsProcessorList([_RefuseNan()]),
            )
        answers: list[str] = self._tokenizer.batch_decode(written[:, asked:], skip_special_tokens=True)
        return answers

    def _check_length(self, asked: int) -> None:
        """Beyond their last position, some networks read outside their tables, which on a GPU ends the process."""
        limit = getattr(self._model.config, "max_position_embeddings", None)
        if limit is not None and asked + self._form.max_tokens > limit:
            raise ClipError(
                FailureKind.ANNOTATOR,
                f"{self._config.model} reads {limit} tokens, a question has {asked}, and its answer may have "
                f"{self._form.max_tokens}; choose a model that reads more, or a smaller max_tokens",
            )


def _read(folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """Tokenizer and network."""
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} has no config.json; expected the folder of a complete checkpoint")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
        network = load_whole(AutoModelForCausalLM, folder, dtype=dtype)
    except (ValueError, OSError) as error:
        raise ValueError(f"{folder} holds no causal language model with a tokenizer: {error}") from error
    if tokenizer.chat_template is None:
        raise ValueError(f"tokenizer in {folder} has no chat template; expected an instruction-tuned checkpoint")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, network


class _RefuseNan(LogitsProcessor):
    """Looks at every step's scores: the likeliest token of NaN would be some token."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        check_finite(scores.amax(dim=-1), "language model scores")
        return scores


def _hide_progress() -> None:
    """A library draws no bars."""
    disable: Any = disable_progress_bar
    disable()
