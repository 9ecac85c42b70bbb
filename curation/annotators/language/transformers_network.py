"""A loaded causal language model of `transformers` with its tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList
from transformers.utils.logging import disable_progress_bar

from curation.annotators.device import Device
from curation.annotators.tensors import check_finite, dtype_of
from curation.stage import ClipError
from dataset_schema import FailureKind
from storage.checkpoints import load_whole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LanguageNetwork:
    """Tokenizer, network, and where it runs; `name` is how errors call it."""

    tokenizer: Any
    model: Any
    device: str
    name: str

    @classmethod
    def load(cls, folder: Path, device: Device, *, name: str) -> "LanguageNetwork":
        """From the folder of a whole checkpoint.

        Raises:
            FileNotFoundError: there is no config.json.
            ValueError: it is no causal language model, lacks weights, or has no chat template.
        """
        _hide_progress()
        tokenizer, model = _read(folder, dtype_of(device))
        return cls(tokenizer=tokenizer, model=model.to(device.name), device=device.name, name=name)

    def answer(self, questions: Sequence[str], *, max_tokens: int) -> list[str]:
        """The likeliest tokens, one batch."""
        tokens = self.tokenizer.apply_chat_template(
            [[{"role": "user", "content": question}] for question in questions],
            add_generation_prompt=True,
            enable_thinking=False,  # templates of models that do not think aloud ignore it
            padding=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self.device)
        asked = tokens["input_ids"].shape[1]
        self._check_length(asked, max_tokens)
        with torch.inference_mode():
            written = self.model.generate(
                input_ids=tokens["input_ids"],
                attention_mask=tokens["attention_mask"],
                max_new_tokens=max_tokens,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=self.tokenizer.pad_token_id,
                logits_processor=LogitsProcessorList([_RefuseNan()]),
            )
        answers: list[str] = self.tokenizer.batch_decode(written[:, asked:], skip_special_tokens=True)
        return answers

    def _check_length(self, asked: int, max_tokens: int) -> None:
        """Beyond their last position, some networks read outside their tables, which on a GPU ends the process."""
        limit = getattr(self.model.config, "max_position_embeddings", None)
        if limit is not None and asked + max_tokens > limit:
            raise ClipError(
                FailureKind.ANNOTATOR,
                f"{self.name} reads {limit} tokens, a question has {asked}, and its answer may have {max_tokens}; "
                "choose a model that reads more, or a smaller max_tokens",
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
