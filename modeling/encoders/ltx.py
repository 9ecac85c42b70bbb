"""The `ltx` profile: the encoders that LTX-Video was trained with, and DINOv2 for reference images."""

from dataclasses import dataclass
from typing import Literal

from modeling.encoders.frozen import library
from modeling.encoders.geometry import LatentGeometry
from modeling.encoders.ltx_autoencoder import LTX_LATENTS, LTXAutoencoder
from modeling.encoders.protocols import Encoders
from modeling.encoders.t5_filled import FilledT5Tokens
from modeling.encoders.vision_patches import ImageKind, VisionPatches
from modeling.encoders.widths import EncoderWidths
from modeling.model.precision import Precision
from storage.checkpoints import checkpoint_folder, checkpoint_parts
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LTXEncoders(EncoderWidths):
    """Builds LTX-Video's encoders; nothing is imported, downloaded or read before `build`.

    A checkpoint is a folder, or a name on the Hugging Face hub, optionally with `@` and a revision. Only safetensors
    are read. LTX-Video has a licence of its own, to be accepted by its user; DINOv2 is Apache-2.0.

    Attributes:
        checkpoint: of an LTX-Video 0.9 in diffusers' form, with `vae`, `text_encoder` and `tokenizer`.
        max_text_tokens: to which every text is filled up when T5 reads it; 128 as in `LTXPipeline`.
        image_encoder: DINOv2; LTX-Video itself reads no reference images.
        precision: of all three. Our choice: bfloat16, in which diffusers' page of LTX-Video loads them.
    """

    profile: Literal["ltx"] = "ltx"
    checkpoint: str = "Lightricks/LTX-Video"
    text_channels: int = 4096
    max_text_tokens: int = 128
    image_encoder: str = "facebook/dinov2-large"
    precision: Precision = Precision.BFLOAT16

    @property
    def latents(self) -> LatentGeometry:
        """128 channels and 8x32x32, each a token."""
        return LTX_LATENTS

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
            autoencoder=LTXAutoencoder(checkpoint_folder(self.checkpoint, subfolder="vae"), precision=self.precision),
            text=FilledT5Tokens(
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
