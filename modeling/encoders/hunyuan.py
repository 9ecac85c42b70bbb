"""The `hunyuan` profile: the encoders that HunyuanVideo was trained with, and DINOv2 for reference images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modeling.encoders.hunyuan_autoencoder import HunyuanAutoencoder
from modeling.encoders.llama_and_clip import LlamaAndClipTokens
from modeling.encoders.protocols import Autoencoder, TextEncoder
from modeling.encoders.published import PublishedEncoders, TextParts
from modeling.encoders.widths import EncoderWidths
from storage.checkpoints import checkpoint_folder, checkpoint_parts
from storage.configs import strict
from storage.numbers import expect_at_least


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class HunyuanEncoders(PublishedEncoders):
    """HunyuanVideo's encoders.

    Its autoencoder is under the Tencent Hunyuan Community License, which does not apply in the European Union, the
    United Kingdom and South Korea; its Llama is under the Llama 3 licence; both are to be accepted by their user. CLIP
    is MIT, DINOv2 Apache-2.0.

    Attributes:
        checkpoint: of a HunyuanVideo in diffusers' form, with `vae`, `text_encoder`, `tokenizer`, `text_encoder_2` and
            `tokenizer_2`.
        max_text_tokens: tokens of a caption that are read, the mark at its end included; 256 as in
            `HunyuanVideoPipeline`.
        pooled_channels: of the vector that the second text encoder makes of a text.
        template_tokens: of the instruction before every text, which are not handed on; 95 as in
            `HunyuanVideoPipeline`.
    """

    profile: Literal["hunyuan"] = "hunyuan"
    checkpoint: str = "hunyuanvideo-community/HunyuanVideo"
    max_text_tokens: int = 256
    pooled_channels: int = 768
    template_tokens: int = 95

    def __post_init__(self) -> None:
        EncoderWidths.__post_init__(self)
        expect_at_least(1, "encoders", self, "pooled_channels", "template_tokens")

    def _autoencoder(self, folder: Path) -> Autoencoder:
        return HunyuanAutoencoder(folder, precision=self.precision)

    def _text(self, folder: Path, parts: TextParts) -> TextEncoder:
        return LlamaAndClipTokens(
            folder,
            clip=(
                checkpoint_folder(self.checkpoint, subfolder="text_encoder_2"),
                checkpoint_parts(self.checkpoint, ["tokenizer_2"]) / "tokenizer_2",
            ),
            template_tokens=self.template_tokens,
            pooled_channels=self.pooled_channels,
            parts=parts,
        )
