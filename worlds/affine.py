"""Affine maps of the plane, as 2 x 3 matrices."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Affine: TypeAlias = npt.NDArray[np.float64]  # (2, 3)
Linear: TypeAlias = npt.NDArray[np.float64]  # (2, 2)
Points: TypeAlias = npt.NDArray[np.float64]  # (points, 2), each (x, y)


def rotation(angle: float) -> Linear:
    """The turn by an angle in radians, from x towards y."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def taking(point: npt.ArrayLike, to: npt.ArrayLike, linear: Linear) -> Affine:
    """The map with this linear part that takes `point` to `to`."""
    return np.column_stack([linear, np.asarray(to) - linear @ np.asarray(point)])


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
