"""Patch tokens of an image without weights: the low frequencies of its colors, which are what one sees of a patch."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from modeling.encoders.dct_codec import OPPONENT_COLORS, cosine
from modeling.model.positions import sinusoids
from picture_reading.showing import WHITE, on_white

# Standard deviations of the coefficients for pixels in [-1, 1], as shares of a patch's side: that of the mean, and that
# of frequency 1, from which it falls as 1 / frequency. Color differences have half of both. Our choice, rounded.
_MEAN_DEVIATION: Final = 0.45
_DETAIL_DEVIATION: Final = 0.9
_COLOR_SHARE: Final = 0.5

# How many half waves a color difference counts for one: so many fewer of them are kept than of luma.
_COLOR_COARSENESS: Final = 2


class CosinePatches(nn.Module):
    """An `ImageEncoder` without weights: white square, patches, cosine transform, a code for the place.

    Of each patch it keeps as many coefficients as there are channels, the lowest frequencies of luma and of both color
    differences, each at about unit variance. Channels beyond the pixels of a patch stay zero.

    Args:
        channels: of a token; a multiple of 4.
        image_side: pixels of the square that every image is resized to.
        patch_side: pixels; divides `image_side`.
    """

    basis: Tensor
    places: Tensor

    def __init__(self, *, channels: int, image_side: int, patch_side: int) -> None:
        super().__init__()
        self._image_side = image_side
        self._patch_side = patch_side
        self.register_buffer("basis", _cosine_basis(patch_side, channels), persistent=False)
        self.register_buffer("places", _grid_places(image_side // patch_side, channels), persistent=False)

    def prepare(self, image: Image.Image) -> Image.Image:
        """The image as a white square."""
        return white_square(image, side=self._image_side)

    def encode(self, images: Sequence[Image.Image]) -> Float[Tensor, "images tokens channels"]:
        """(image_side / patch_side)^2 tokens of each image, row by row."""
        squares = np.stack([np.asarray(self.prepare(image)) for image in images])
        pixels = torch.from_numpy(squares).to(self.basis) / 127.5 - 1
        patches = rearrange(
            pixels,
            "images (rows py) (columns px) color -> images (rows columns) (py px color)",
            py=self._patch_side,
            px=self._patch_side,
        )
        return patches @ self.basis + self.places


def white_square(image: Image.Image, *, side: int) -> Image.Image:
    """The image on white, padded to a square with white, resized: how reference images enter an encoder.

    Of such a square it is the square itself.
    """
    if image.mode == "RGB" and image.size == (side, side):
        return image
    longest = max(image.size)
    square = Image.new("RGB", (longest, longest), WHITE)
    square.paste(on_white(image), ((longest - image.width) // 2, (longest - image.height) // 2))
    return square.resize((side, side), Image.Resampling.BICUBIC)


def _cosine_basis(side: int, channels: int) -> Float[Tensor, "pixels channels"]:
    """Columns that take a patch's coefficients out of its pixels, the coarsest first."""
    waves = torch.stack([cosine(half_waves, side) for half_waves in range(side)]).numpy()
    basis = np.zeros((3 * side**2, channels), np.float32)
    for channel, (color, y, x) in enumerate(islice(_coarsest_first(side), channels)):
        column = np.einsum("y,x,c->yxc", waves[y], waves[x], np.asarray(OPPONENT_COLORS[color])).ravel()
        basis[:, channel] = column / _deviation(side, color, y, x)
    return torch.from_numpy(basis)


def _coarsest_first(side: int) -> Iterator[tuple[int, int, int]]:
    """(color, half waves down, half waves across) of all coefficients of a patch."""
    every = ((color, y, x) for color in range(3) for y in range(side) for x in range(side))
    coarseness = (1, _COLOR_COARSENESS, _COLOR_COARSENESS)
    return iter(sorted(every, key=lambda which: (coarseness[which[0]] ** 2 * (which[1] ** 2 + which[2] ** 2), which)))


def _deviation(side: int, color: int, y: int, x: int) -> float:
    of_luma = side * (_DETAIL_DEVIATION / (1 + y + x) if y or x else _MEAN_DEVIATION)
    return of_luma * (_COLOR_SHARE if color else 1.0)


def _grid_places(side: int, channels: int) -> Float[Tensor, "tokens channels"]:
    """A code for row and column of each patch, half of the channels each."""
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    codes = [sinusoids(axis.flatten(), channels=channels // 2, longest=float(side)) for axis in (row, column)]
    return torch.cat(codes, dim=1)
