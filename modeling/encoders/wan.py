"""The `wan` profile: the encoders that Wan was trained with, and DINOv2 for reference images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from modeling.encoders.geometry import LatentGeometry
from modeling.encoders.protocols import Autoencoder, TextEncoder
from modeling.encoders.published import PublishedEncoders, TextParts
from modeling.encoders.umt5 import UMT5Tokens
from modeling.encoders.wan_autoencoder import WanAutoencoder
from modeling.encoders.widths import EncoderWidths
from modeling.model.precision import Precision
from storage.configs import strict

# Of a latent's side, by its channels.
_PIXELS: Final = {16: 8, 48: 16}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WanEncoders(PublishedEncoders):
    """Wan's encoders.

    Wan and DINOv2 are Apache-2.0.

    Attributes:
        checkpoint: of a Wan in diffusers' form, with `vae`, `text_encoder` and `tokenizer`; those of 2.1's 1.3B and 14B
            and of 2.2's A14B are the same.
        latent_channels: 16, or 48 for the autoencoder of Wan 2.2's TI2V-5B.
        max_text_tokens: tokens of a caption that are read, the mark at its end included; 512 as in Wan's training.
        precision: of text and image encoder.
        autoencoder_precision: Our choice: float32, as diffusers' page of Wan loads it.
    """

    profile: Literal["wan"] = "wan"
    checkpoint: str = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
    latent_channels: int = 16
    max_text_tokens: int = 512
    autoencoder_precision: Precision = Precision.FLOAT32

    def __post_init__(self) -> None:
        EncoderWidths.__post_init__(self)
        if self.latent_channels not in _PIXELS:
            raise ValueError(f"encoders have latent_channels {self.latent_channels}, expected 16 or 48")

    @property
    def latents(self) -> LatentGeometry:
        """4x8x8 with 16 channels, 4x16x16 with 48."""
        return LatentGeometry(channels=self.latent_channels, pixels=_PIXELS[self.latent_channels])

    def _autoencoder(self, folder: Path) -> Autoencoder:
        return WanAutoencoder(folder, geometry=self.latents, precision=self.autoencoder_precision)

    def _text(self, folder: Path, parts: TextParts) -> TextEncoder:
        return UMT5Tokens(folder, **parts)
