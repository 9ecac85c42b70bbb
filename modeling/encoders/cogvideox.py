"""The `cogvideox` profile: the encoders that CogVideoX was trained with, and DINOv2 for reference images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modeling.encoders.cogvideox_autoencoder import CogVideoXAutoencoder
from modeling.encoders.protocols import Autoencoder, TextEncoder
from modeling.encoders.published import PublishedEncoders, TextParts
from modeling.encoders.t5_filled import WholeT5Tokens
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CogVideoXEncoders(PublishedEncoders):
    """CogVideoX's encoders.

    CogVideoX-2B and DINOv2 are Apache-2.0; CogVideoX-5B has a licence of its own, to be accepted by its user.

    Attributes:
        checkpoint: of a CogVideoX in diffusers' form, with `vae`, `text_encoder` and `tokenizer`. The model's own: the
            latents of 2B and 5B are scaled differently.
        max_text_tokens: that every text has, T5's padding included; 226 as in CogVideoX's training.
    """

    profile: Literal["cogvideox"] = "cogvideox"
    checkpoint: str = "THUDM/CogVideoX-2b"
    max_text_tokens: int = 226

    def _autoencoder(self, folder: Path) -> Autoencoder:
        return CogVideoXAutoencoder(folder, precision=self.precision)

    def _text(self, folder: Path, parts: TextParts) -> TextEncoder:
        return WholeT5Tokens(folder, **parts)
