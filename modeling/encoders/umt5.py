"""Text tokens of UMT5's encoder, which Wan reads, through transformers."""

from typing import ClassVar

from modeling.encoders.t5 import T5Tokens


class UMT5Tokens(T5Tokens):
    """A `TextEncoder`: UMT5's encoder as diffusers' `WanPipeline` uses it, frozen.

    The mark `</s>` is handed on and counts among the tokens, because Wan was trained with it; so the empty text, which
    stands for none there, has one token.

    Our choice: texts are read as they are, without the pipeline's repair of HTML entities and broken encodings, so
    that every token knows its characters. A caption with neither gives the same tokens.
    """

    _network_name: ClassVar[str] = "UMT5EncoderModel"
    _hands_on_mark: ClassVar[bool] = True
