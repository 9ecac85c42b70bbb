"""Affine maps of the plane, as 2 x 3 matrices."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Affine: TypeAlias = npt.NDArray[np.float64]  # (2, 3)
Points: TypeAlias = npt.NDArray[np.float64]  # (points, 2), each (x, y)


def apply(affine: Affine, points: Points) -> Points:
    """The points, moved."""
    return np.asarray(points @ affine[:, :2].T + affine[:, 2])


def compose(outer: Affine, inner: Affine) -> Affine:
    """The map that applies `inner`, then `outer`."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def invert(affine: Affine) -> Affine:
    """The map back."""
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])
