"""Patch tokens of DINOv2 or CLIP (Table 5) through transformers."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from modeling.encoders.cosine_patches import white_square
from modeling.encoders.frozen import FrozenEncoder, library, load_frozen
from modeling.model.precision import Precision
from storage.checkpoints import read_json

# A network keeps the output of every block for the images it is given at once.
_IMAGES_AT_ONCE: Final = 64


class ImageKind(StrEnum):
    """Which network reads the reference images: DINOv2 in the final model, CLIP in an ablation (Table 3)."""

    DINOV2 = "dinov2"
    CLIP = "clip"


# Of the 24 blocks of a ViT-L/14, Table 5 reads CLIP's block 23 and DINOv2's block 24.
_BLOCKS_LEFT_OUT: Final = {ImageKind.DINOV2: 0, ImageKind.CLIP: 1}
_NETWORKS: Final = {ImageKind.DINOV2: "Dinov2Model", ImageKind.CLIP: "CLIPVisionModel"}


class VisionPatches(FrozenEncoder):
    """An `ImageEncoder`: a vision transformer, frozen, without its class token.

    Images become white squares like everywhere else, and are normalised as the checkpoint says. CLIP is read after its
    last block but one, DINOv2 after its last. Our choice: without the final layer norm of DINOv2, because Table 5 names
    a block in both cases, and CLIP's has no norm behind it.

    Args:
        folder: of the checkpoint, with its `preprocessor_config.json`.
        kind: what it is a checkpoint of.
        image_side: pixels of the square that every image is resized to.
        patch_side: pixels of a patch that the model expects.
        channels: that the model expects of a token.
        precision: of weights and computation; tokens are always float32.

    Raises:
        ValueError: the checkpoint is of another kind, or its tokens have another size.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, folder: Path, *, kind: ImageKind, image_side: int, patch_side: int, channels: int, precision: Precision
    ) -> None:
        _check_config(folder, kind, image_side=image_side, patch_side=patch_side, channels=channels)
        pixels = read_json(folder, "preprocessor_config.json")
        super().__init__(self._load_network)
        self.register_buffer("mean", torch.tensor(pixels["image_mean"]), persistent=False)
        self.register_buffer("deviation", torch.tensor(pixels["image_std"]), persistent=False)
        self._folder = folder
        self._kind = kind
        self._image_side = image_side
        self._dtype: torch.dtype = getattr(torch, precision)

    def prepare(self, image: Image.Image) -> Image.Image:
        """The image as a white square."""
        return white_square(image, side=self._image_side)

    @torch.no_grad()
    def encode(self, images: Sequence[Image.Image]) -> Float[Tensor, "images tokens channels"]:
        """(image_side / patch_side)^2 tokens of each image, row by row."""
        squares = np.stack([np.asarray(self.prepare(image)) for image in images])
        pixels = (torch.from_numpy(squares).to(self.device) / 255 - self.mean) / self.deviation
        pixels = rearrange(pixels, "images height width color -> images color height width").to(self._dtype)
        return torch.cat([self._tokens(some) for some in torch.split(pixels, _IMAGES_AT_ONCE)])

    def _load_network(self) -> nn.Module:
        return load_frozen(getattr(library("transformers"), _NETWORKS[self._kind]), self._folder, dtype=self._dtype)

    def _tokens(self, pixels: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images tokens channels"]:
        states = self.network()(pixel_values=pixels, output_hidden_states=True).hidden_states
        blocks = len(states) - 1  # the first state is what enters the first block
        return states[blocks - _BLOCKS_LEFT_OUT[self._kind]][:, 1:].float()


def _check_config(folder: Path, kind: ImageKind, *, image_side: int, patch_side: int, channels: int) -> None:
    content = read_json(folder, "config.json")
    vision = content.get("vision_config", content)  # a whole CLIP has one for texts too
    found_kind = str(content.get("model_type", "")).removesuffix("_vision_model")
    if found_kind != kind:
        raise ValueError(f"image encoder {folder} is a {found_kind}, the config has image_kind {kind}")
    if vision.get("hidden_size") != channels:
        raise ValueError(
            f"image encoder {folder} has {vision.get('hidden_size')} channels, the config has image_channels {channels}"
        )
    if vision.get("patch_size") != patch_side:
        raise ValueError(
            f"image encoder {folder} has patches of {vision.get('patch_size')} pixels, the config has patch_side "
            f"{patch_side}"
        )
    if kind is ImageKind.CLIP and vision.get("image_size") != image_side:  # DINOv2 interpolates its positions
        raise ValueError(
            f"image encoder {folder} reads {vision.get('image_size')} pixels, the config has image_side {image_side}"
        )
