"""The `wan` profile: the encoders that Wan 2.1 was trained with, and DINOv2 for reference images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modeling.encoders.protocols import Autoencoder, TextEncoder
from modeling.encoders.published import PublishedEncoders, TextParts
from modeling.encoders.umt5 import UMT5Tokens
from modeling.encoders.wan_autoencoder import WanAutoencoder
from modeling.model.precision import Precision
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WanEncoders(PublishedEncoders):
    """Wan's encoders.

    Wan and DINOv2 are Apache-2.0.

    Attributes:
        checkpoint: of a Wan 2.1 in diffusers' form, with `vae`, `text_encoder` and `tokenizer`; those of 1.3B and 14B
            are the same.
        max_text_tokens: tokens of a caption that are read, the mark at its end included; 512 as in Wan's training.
        precision: of text and image encoder.
        autoencoder_precision: Our choice: float32, as diffusers' page of Wan loads it.
    """

    profile: Literal["wan"] = "wan"
    checkpoint: str = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
    max_text_tokens: int = 512
    autoencoder_precision: Precision = Precision.FLOAT32

    def _autoencoder(self, folder: Path) -> Autoencoder:
        return WanAutoencoder(folder, precision=self.autoencoder_precision)

    def _text(self, folder: Path, parts: TextParts) -> TextEncoder:
        return UMT5Tokens(folder, **parts)
