"""The `cogvideox` profile: the encoders that CogVideoX was trained with, and DINOv2 for reference images."""

from dataclasses import dataclass
from typing import Literal

from modeling.encoders.cogvideox_autoencoder import CogVideoXAutoencoder
from modeling.encoders.frozen import library
from modeling.encoders.protocols import Encoders
from modeling.encoders.t5_filled import WholeT5Tokens
from modeling.encoders.vision_patches import ImageKind, VisionPatches
from modeling.encoders.widths import EncoderWidths
from modeling.model.precision import Precision
from storage.checkpoints import checkpoint_folder, checkpoint_parts
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CogVideoXEncoders(EncoderWidths):
    """Builds CogVideoX's encoders; nothing is imported, downloaded or read before `build`.

    A checkpoint is a folder, or a name on the Hugging Face hub, optionally with `@` and a revision. Only safetensors
    are read. CogVideoX-2B and DINOv2 are Apache-2.0; CogVideoX-5B has a licence of its own, to be accepted by its user.

    Attributes:
        checkpoint: of a CogVideoX in diffusers' form, with `vae`, `text_encoder` and `tokenizer`. The model's own: the
            latents of 2B and 5B are scaled differently.
        max_text_tokens: that every text has, T5's padding included; 226 as in CogVideoX's training.
        image_encoder: DINOv2; CogVideoX itself reads no reference images.
        precision: of all three. Our choice: bfloat16, in which the 5B is published; the 2B is in float16.
    """

    profile: Literal["cogvideox"] = "cogvideox"
    checkpoint: str = "THUDM/CogVideoX-2b"
    text_channels: int = 4096
    max_text_tokens: int = 226
    image_encoder: str = "facebook/dinov2-large"
    precision: Precision = Precision.BFLOAT16

    def build(self) -> Encoders:
        """The three encoders; each loads its weights when it is first used.

        Raises:
            FileNotFoundError: a checkpoint is nowhere to be had, or lacks a file.
            ModuleNotFoundError: diffusers or transformers is not installed.
            ValueError: a checkpoint does not have the widths that this config states.
        """
        for name in ("diffusers", "transformers"):  # before any download
            library(name)
        return Encoders(
            autoencoder=CogVideoXAutoencoder(
                checkpoint_folder(self.checkpoint, subfolder="vae"), precision=self.precision
            ),
            text=WholeT5Tokens(
                checkpoint_folder(self.checkpoint, subfolder="text_encoder"),
                tokenizer=checkpoint_parts(self.checkpoint, ["tokenizer"]) / "tokenizer",
                max_tokens=self.max_text_tokens,
                channels=self.text_channels,
                precision=self.precision,
            ),
            image=VisionPatches(
                checkpoint_folder(self.image_encoder),
                kind=ImageKind.DINOV2,
                image_side=self.image_side,
                patch_side=self.patch_side,
                channels=self.image_channels,
                precision=self.precision,
            ),
        )
