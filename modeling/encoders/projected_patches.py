"""Patch tokens of an image without weights: a fixed random rotation of its pixels."""

import math
from collections.abc import Sequence
from hashlib import shake_256
from typing import Final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from modeling.positions import sinusoids

_WHITE: Final = (255, 255, 255)


class ProjectedPatches(nn.Module):
    """An `ImageEncoder` without weights: white square, patches, orthonormal projection, a code for the place.

    Args:
        channels: of a token; a multiple of 4.
        image_side: pixels of the square that every image is resized to.
        patch_side: pixels; divides `image_side`.
    """

    projection: Tensor
    places: Tensor

    def __init__(self, *, channels: int, image_side: int, patch_side: int) -> None:
        super().__init__()
        self._image_side = image_side
        self._patch_side = patch_side
        self.register_buffer("projection", _orthonormal(3 * patch_side**2, channels), persistent=False)
        self.register_buffer("places", _grid_places(image_side // patch_side, channels), persistent=False)

    def encode(self, images: Sequence[Image.Image]) -> Float[Tensor, "images tokens channels"]:
        """(image_side / patch_side)^2 tokens of each image, row by row."""
        squares = np.stack([np.asarray(white_square(image, side=self._image_side)) for image in images])
        pixels = torch.from_numpy(squares).to(self.projection) / 127.5 - 1
        patches = rearrange(
            pixels,
            "images (rows py) (columns px) colour -> images (rows columns) (py px colour)",
            py=self._patch_side,
            px=self._patch_side,
        )
        return patches @ self.projection + self.places


def white_square(image: Image.Image, *, side: int) -> Image.Image:
    """The image on white, padded to a square with white, resized: how reference images enter an encoder."""
    on_white = on_white_background(image)
    longest = max(on_white.size)
    square = Image.new("RGB", (longest, longest), _WHITE)
    square.paste(on_white, ((longest - on_white.width) // 2, (longest - on_white.height) // 2))
    return square.resize((side, side), Image.Resampling.BICUBIC)


def on_white_background(image: Image.Image) -> Image.Image:
    """The image in RGB, transparent pixels white."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    canvas = Image.new("RGB", image.size, _WHITE)
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def _orthonormal(rows: int, columns: int) -> Float[Tensor, "rows columns"]:
    """Orthonormal rows or columns, whichever are fewer, scaled to keep variance: the same on every machine."""
    longer, shorter = max(rows, columns), min(rows, columns)
    bits = np.unpackbits(np.frombuffer(shake_256(b"projected patches").digest(longer * shorter // 8 + 1), np.uint8))
    signs = bits[: longer * shorter].reshape(longer, shorter).astype(np.float64) * 2 - 1
    q, r = np.linalg.qr(signs)
    q *= np.sign(np.diag(r))
    matrix = q if rows >= columns else q.T
    return torch.from_numpy(matrix * math.sqrt(max(1.0, columns / rows))).float()


def _grid_places(side: int, channels: int) -> Float[Tensor, "tokens channels"]:
    """A code for row and column of each patch, half of the channels each."""
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    codes = [sinusoids(axis.flatten(), channels=channels // 2, longest=float(side)) for axis in (row, column)]
    return torch.cat(codes, dim=1)
