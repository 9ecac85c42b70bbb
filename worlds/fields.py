"""Fields: a number for every pixel, from which textures, surfaces and backdrops are mixed."""

from collections.abc import Iterable
from itertools import count, takewhile

import cv2
import numpy as np
import numpy.typing as npt

from worlds.arrays import Field, Paint
from worlds.chances import Rng


def fractal(
    rng: Rng, height: int, width: int, *, cell: tuple[float, float], octaves: int = 4, gain: float = 0.55
) -> Field:
    """Smooth noise with grains of a known size, stretched to [0, 1].

    Args:
        rng: where the noise comes from.
        height: of the field.
        width: of the field.
        cell: (height, width) in pixels of the coarsest grain; each octave halves it.
        octaves: how many sizes of grain there are.
        gain: how much an octave weighs against the coarser one before.
    """
    rows, columns = (
        [min(max(2, round(side / grain * 2**octave) + 2), side) for octave in range(octaves)]
        for side, grain in ((height, cell[0]), (width, cell[1]))
    )
    grids = (rng.random(size, dtype=np.float32) for size in zip(rows, columns, strict=True))
    total = _summed(grids, height, width, gain)
    return _stretched(total, float(total.min()), float(total.max()))


def fractal_to_the_pixel(rng: Rng, height: int, width: int, *, gain: float = 0.5) -> Field:
    """Noise of all sizes, from a random coarsest one down to single pixels, in [0, 1]; one in fifty is cut off."""
    coarsest = int(rng.integers(2, 6))
    sides = takewhile(lambda side: side < max(height, width), (coarsest * 2**octave for octave in count()))
    grids = (rng.standard_normal((side + 1, side + 1)).astype(np.float32) for side in sides)
    total = _summed(grids, height, width, gain)
    return np.clip(_stretched(total, *np.percentile(total, (1, 99))), 0, 1)


def ramp(values: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, a smooth step between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def mix(first: npt.ArrayLike, second: npt.ArrayLike, weight: Field) -> Paint:
    """Colors or pictures blended by a field: `first` where it is 0, `second` where it is 1."""
    w = weight[..., None]
    return np.asarray(np.asarray(first, np.float32) * (1 - w) + np.asarray(second, np.float32) * w, np.float32)


def turned_axes(height: int, width: int, *, unit: float, angle: float) -> tuple[Field, Field]:
    """Coordinates of every pixel along and across a direction, in units of so many pixels; `angle` in radians."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) / unit
    return columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)


def _summed(grids: Iterable[Field], height: int, width: int, gain: float) -> Field:
    """Grids laid over the whole field and added, each with `gain` times the weight of the one before."""
    total, weight = np.zeros((height, width), np.float32), 1.0
    for grid in grids:
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        weight *= gain
    return total


def _stretched(field: Field, low: float, high: float) -> Field:
    return np.asarray((field - low) / max(high - low, 1e-6), np.float32)
