"""The `paper` profile: the encoders that the paper names, through diffusers and transformers."""

from dataclasses import dataclass
from typing import Literal

from modeling.encoders.cogvideox_autoencoder import CogVideoXAutoencoder
from modeling.encoders.frozen import library
from modeling.encoders.protocols import Encoders
from modeling.encoders.t5 import T5Tokens
from modeling.encoders.vision_patches import ImageKind, VisionPatches
from modeling.encoders.widths import EncoderWidths
from modeling.model.precision import Precision
from storage.checkpoints import checkpoint_folder
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PaperEncoders(EncoderWidths):
    """Builds the paper's encoders (B.1, Table 5); nothing is imported, downloaded or read before `build`.

    A checkpoint is a folder, or a name on the Hugging Face hub, optionally with `@` and a revision. Only safetensors
    are read. Licences: CogVideoX-5B has its own, to be accepted by its user; T5 and DINOv2 are Apache-2.0, CLIP is MIT.

    Attributes:
        autoencoder: a CogVideoX, or the `vae` of one.
        text_encoder: Our choice: T5-11B. The paper gives only the width, 1024 channels; the original T5-11B and
            T5-large have it, and the authors' Snap Video, of the same width, names T5-11B. The revision is the one
            that holds safetensors. `google-t5/t5-large` fits in its place and is far smaller.
        image_encoder: DINOv2; for CLIP name `openai/clip-vit-large-patch14`.
        image_kind: what `image_encoder` is.
        precision: of the encoders' weights and computation. Our choice: bfloat16, in which CogVideoX-5B is published;
            it halves the memory.
    """

    profile: Literal["paper"] = "paper"
    autoencoder: str = "THUDM/CogVideoX-5b"
    text_encoder: str = "google-t5/t5-11b@4a1dd37e0454611c01001afdbcc45df6386f4cfd"
    image_encoder: str = "facebook/dinov2-large"
    image_kind: ImageKind = ImageKind.DINOV2
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
                checkpoint_folder(self.autoencoder, subfolder="vae"), precision=self.precision
            ),
            text=T5Tokens(
                checkpoint_folder(self.text_encoder),
                max_tokens=self.max_text_tokens,
                channels=self.text_channels,
                precision=self.precision,
            ),
            image=VisionPatches(
                checkpoint_folder(self.image_encoder),
                kind=self.image_kind,
                image_side=self.image_side,
                patch_side=self.patch_side,
                channels=self.image_channels,
                precision=self.precision,
            ),
        )
