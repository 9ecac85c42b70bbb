"""Colors of footage: more often muted than garish."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from worlds.arrays import Color, Image
from worlds.chances import Rng, between, log_between

FloatColor: TypeAlias = npt.NDArray[np.float32]  # (3,), RGB in [0, 255]


def random_color(rng: Rng) -> FloatColor:
    """A color that is more often muted than garish, as in most footage."""
    grey = between(rng, 20, 235)
    tint = rng.normal(0, 1, 3) * log_between(rng, 6, 70)
    return np.asarray(np.clip(grey + tint - tint.mean(), 0, 255), np.float32)


def as_rgb(color: FloatColor) -> Color:
    """The color as OpenCV wants it."""
    red, green, blue = (int(value) for value in color)
    return red, green, blue


def plain(color: npt.ArrayLike, height: int, width: int) -> Image:
    """A picture of one color."""
    return np.full((height, width, 3), color, np.uint8)
