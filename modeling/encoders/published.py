"""What the encoders of published video models have in common: one checkpoint in diffusers' form, and DINOv2."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from modeling.encoders.frozen import library
from modeling.encoders.protocols import Autoencoder, Encoders, TextEncoder
from modeling.encoders.vision_patches import ImageKind, VisionPatches
from modeling.encoders.widths import EncoderWidths
from modeling.model.precision import Precision
from storage.checkpoints import checkpoint_folder, checkpoint_parts
from storage.configs import strict


class TextParts(TypedDict):
    """What a text encoder of a published model is made with, beside the folder of its weights."""

    tokenizer: Path
    max_tokens: int
    channels: int
    precision: Precision


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEncoders(EncoderWidths):
    """Builds the encoders of a published model; nothing is imported, downloaded or read before `build`.

    A checkpoint is a folder, or a name on the Hugging Face hub, optionally with `@` and a revision. Only safetensors
    are read.

    Attributes:
        text_channels: of a text token; of T5 XXL and UMT5 XXL 4096.
        image_encoder: DINOv2, as these models themselves read no reference images.
        precision: of all of them, unless the config says more. Our choice: bfloat16, in which most are published.
    """

    text_channels: int = 4096
    image_encoder: str = "facebook/dinov2-large"
    precision: Precision = Precision.BFLOAT16

    @property
    @abstractmethod
    def checkpoint(self) -> str:
        """In diffusers' form, with `vae`, `text_encoder` and `tokenizer`."""

    @abstractmethod
    def _autoencoder(self, folder: Path) -> Autoencoder:
        """That of the model, whose weights lie in a folder."""

    @abstractmethod
    def _text(self, folder: Path, parts: TextParts) -> TextEncoder:
        """That of the model, whose weights lie in a folder."""

    def build(self) -> Encoders:
        """The three encoders; each loads its weights when it is first used.

        Raises:
            FileNotFoundError: a checkpoint is nowhere to be had, or lacks a file.
            ModuleNotFoundError: diffusers or transformers is not installed.
            ValueError: a checkpoint does not have the widths that this config states.
        """
        for name in ("diffusers", "transformers"):  # before any download
            library(name)
        text = TextParts(
            tokenizer=checkpoint_parts(self.checkpoint, ["tokenizer"]) / "tokenizer",
            max_tokens=self.max_text_tokens,
            channels=self.text_channels,
            precision=self.precision,
        )
        return Encoders(
            autoencoder=self._autoencoder(checkpoint_folder(self.checkpoint, subfolder="vae")),
            text=self._text(checkpoint_folder(self.checkpoint, subfolder="text_encoder"), text),
            image=VisionPatches(
                checkpoint_folder(self.image_encoder),
                kind=ImageKind.DINOV2,
                image_side=self.image_side,
                patch_side=self.patch_side,
                channels=self.image_channels,
                precision=self.precision,
            ),
        )
