"""Text tokens of T5's encoder as CogVideoX and LTX-Video read them: with padding that it sees."""

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from modeling.encoders.t5 import T5Tokens
from modeling.model.precision import Precision


class FilledT5Tokens(T5Tokens):
    """A `TextEncoder`: T5's encoder as diffusers' `LTXPipeline` uses it, frozen.

    Every text is filled up with padding, and nothing is masked, because those models were trained so: the tokens of a
    short text are others here than with `T5Tokens`. The mark `</s>` is handed on, and the empty text has it alone. What
    padding itself becomes is not handed on; a model that masks it never sees it.
    """

    _hands_on_mark: ClassVar[bool] = True
    _hands_on_padding: ClassVar[bool] = False

    def __init__(
        self, folder: Path, *, tokenizer: Path | None = None, max_tokens: int, channels: int, precision: Precision
    ) -> None:
        super().__init__(folder, tokenizer=tokenizer, max_tokens=max_tokens, channels=channels, precision=precision)
        self._tokenizer.enable_padding(
            length=max_tokens, pad_id=self._tokenizer.token_to_id("<pad>"), pad_token="<pad>"
        )

    @cached_property
    def version(self) -> str:
        """As of `T5Tokens`, and other than its."""
        return f"{super().version}-filled{'-whole' if self._hands_on_padding else ''}"

    def _kept(self, encoding: Any) -> dict[int, tuple[int, int]]:
        kept = super()._kept(encoding)
        return {place: span for place, span in kept.items() if self._hands_on_padding or encoding.attention_mask[place]}


class WholeT5Tokens(FilledT5Tokens):
    """A `TextEncoder`: the same as diffusers' `CogVideoXPipeline` uses it, which reads the padding's tokens, too.

    So every text has as many tokens. Those behind its end stand for no character.
    """

    _hands_on_padding: ClassVar[bool] = True
