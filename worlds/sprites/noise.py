"""Random fields that look natural: the detail of textures and backdrops."""

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Field: TypeAlias = npt.NDArray[np.float32]  # (height, width), in [0, 1] unless said


def fractal(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    cell: tuple[float, float],
    octaves: int = 4,
    gain: float = 0.55,
) -> Field:
    """Smooth noise of several sizes, stretched to [0, 1].

    `cell` is the (height, width) in pixels of the coarsest grain; each octave halves it, and weighs `gain` as much.
    """
    total = np.zeros((height, width), np.float32)
    weight = 1.0
    for octave in range(octaves):
        rows = max(2, round(height / cell[0] * 2**octave) + 2)
        columns = max(2, round(width / cell[1] * 2**octave) + 2)
        grain = rng.random((min(rows, height), min(columns, width)), dtype=np.float32)
        total += weight * cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
        weight *= gain
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / (high - low), np.float32)


def ramp(values: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, a smooth step between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def mix(first: npt.ArrayLike, second: npt.ArrayLike, weight: Field) -> npt.NDArray[np.float32]:
    """Colors or pictures blended by a field: `first` where it is 0, `second` where it is 1."""
    w = weight[..., None]
    return np.asarray(np.asarray(first, np.float32) * (1 - w) + np.asarray(second, np.float32) * w, np.float32)
