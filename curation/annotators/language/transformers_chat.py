"""A language model in this process, through `transformers`: any checkpoint with a chat template, on any device."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Literal, Protocol

from curation.annotators.checkpoints import describe_checkpoint
from curation.annotators.device import Device
from curation.annotators.language.chat import AnswerFormat, ChatModel
from curation.annotators.language.entity_words import LanguageEntityWordsConfig, entity_words_by
from curation.annotators.protocols import EntityWordExtractor
from curation.stage import Resources
from dataset_schema import Annotator
from storage.checkpoints import checkpoint_folder
from storage.configs import strict

# Our choice: hundreds of tokens, one after the other, on a slow processor.
_TIMEOUT_S: Final = 300.0


@strict
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

    def chat(self, form: AnswerFormat) -> ChatModel:
        """The model; nothing is loaded yet."""
        return TransformersChat(self, form)

    def build(self, instruction: LanguageEntityWordsConfig | None = None) -> EntityWordExtractor:
        """Entity words by the model; nothing is loaded yet."""
        return entity_words_by(self, instruction)


class _Network(Protocol):
    """The model once it is loaded: `transformers_network.py`."""

    def answer(self, questions: Sequence[str], *, max_tokens: int) -> list[str]: ...


class TransformersChat:
    """Answers a batch at a time: see `ChatModel`. Simple and slow; a server or vLLM answers many times faster.

    Args:
        config: which checkpoint.
        form: what answers may look like; a schema is asked for by nobody here, the parser has to cope.
    """

    def __init__(self, config: TransformersChatConfig, form: AnswerFormat) -> None:
        self._config = config
        self._form = form
        self._loaded: _Network | None = None

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
        self._network()

    def answer(self, questions: Sequence[str]) -> list[str]:
        """See `ChatModel`; the longest answers decide how long a batch takes."""
        return self._network().answer(questions, max_tokens=self._form.max_tokens)

    def _network(self) -> _Network:
        if self._loaded is None:
            folder = checkpoint_folder(self._config.model)
            from curation.annotators.language.transformers_network import LanguageNetwork

            self._loaded = LanguageNetwork.load(folder, self._config.device, name=self._config.model)
        return self._loaded
