"""The `ltx` profile: the encoders that LTX-Video was trained with, and DINOv2 for reference images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modeling.encoders.geometry import LatentGeometry
from modeling.encoders.ltx_autoencoder import LTX_LATENTS, LTXAutoencoder
from modeling.encoders.protocols import Autoencoder, TextEncoder
from modeling.encoders.published import PublishedEncoders, TextParts
from modeling.encoders.t5_filled import FilledT5Tokens
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LTXEncoders(PublishedEncoders):
    """LTX-Video's encoders.

    LTX-Video has a licence of its own, to be accepted by its user; DINOv2 is Apache-2.0.

    Attributes:
        checkpoint: of an LTX-Video 0.9 in diffusers' form, with `vae`, `text_encoder` and `tokenizer`.
        max_text_tokens: to which every text is filled up when T5 reads it; 128 as in `LTXPipeline`.
    """

    profile: Literal["ltx"] = "ltx"
    checkpoint: str = "Lightricks/LTX-Video"
    max_text_tokens: int = 128

    @property
    def latents(self) -> LatentGeometry:
        """128 channels and 8x32x32, each a token."""
        return LTX_LATENTS

    def _autoencoder(self, folder: Path) -> Autoencoder:
        return LTXAutoencoder(folder, precision=self.precision)

    def _text(self, folder: Path, parts: TextParts) -> TextEncoder:
        return FilledT5Tokens(folder, **parts)
