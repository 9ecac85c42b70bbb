"""The `wan` profile: the encoders that Wan 2.1 was trained with, and DINOv2 for reference images."""

from dataclasses import dataclass
from typing import Literal

from modeling.encoders.frozen import library
from modeling.encoders.protocols import Encoders
from modeling.encoders.umt5 import UMT5Tokens
from modeling.encoders.vision_patches import ImageKind, VisionPatches
from modeling.encoders.wan_autoencoder import WanAutoencoder
from modeling.encoders.widths import EncoderWidths
from modeling.model.precision import Precision
from storage.checkpoints import checkpoint_folder, checkpoint_parts
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WanEncoders(EncoderWidths):
    """Builds Wan's encoders; nothing is imported, downloaded or read before `build`.

    A checkpoint is a folder, or a name on the Hugging Face hub, optionally with `@` and a revision. Only safetensors
    are read. Wan and DINOv2 are Apache-2.0.

    Attributes:
        checkpoint: of a Wan 2.1 in diffusers' form, with `vae`, `text_encoder` and `tokenizer`; those of 1.3B and 14B
            are the same.
        max_text_tokens: tokens of a caption that are read, the mark at its end included; 512 as in Wan's training.
        image_encoder: DINOv2; Wan itself reads no reference images.
        precision: of text and image encoder.
        autoencoder_precision: Our choice: float32, as diffusers' page of Wan loads it.
    """

    profile: Literal["wan"] = "wan"
    checkpoint: str = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
    text_channels: int = 4096
    max_text_tokens: int = 512
    image_encoder: str = "facebook/dinov2-large"
    precision: Precision = Precision.BFLOAT16
    autoencoder_precision: Precision = Precision.FLOAT32

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
            autoencoder=WanAutoencoder(
                checkpoint_folder(self.checkpoint, subfolder="vae"), precision=self.autoencoder_precision
            ),
            text=UMT5Tokens(
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
