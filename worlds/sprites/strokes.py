"""Strokes with smooth edges, whose corners lie anywhere between pixels; points are (x, y)."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from worlds.affine import Points
from worlds.arrays import Grey, Image
from worlds.sprites.shapes import Outline, Point

_SUBPIXEL_BITS: Final = 4
_STEPS: Final = 1 << _SUBPIXEL_BITS  # in a pixel


def fill(picture: Image | Grey, outline: Outline, color: npt.ArrayLike) -> None:
    """Cover what is inside an outline."""
    cv2.fillPoly(picture, [_in_steps(outline)], _as_scalar(color), cv2.LINE_AA, _SUBPIXEL_BITS)


def trace(picture: Image | Grey, outline: Outline, color: npt.ArrayLike, thickness: int) -> None:
    """Follow an outline."""
    cv2.polylines(picture, [_in_steps(outline)], True, _as_scalar(color), thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def line(picture: Image | Grey, start: Point, end: Point, color: npt.ArrayLike, thickness: int) -> None:
    """A straight line."""
    first, last = _in_steps(np.array([start, end]))
    cv2.line(picture, first, last, _as_scalar(color), thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def disc(picture: Image | Grey, center: Point, radius: float, color: npt.ArrayLike) -> None:
    """A disc, at least a pixel wide."""
    (at,) = _in_steps(np.array([center]))
    size = max(_STEPS // 2, round(_STEPS * radius))
    cv2.circle(picture, at, size, _as_scalar(color), -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _in_steps(points: Points) -> npt.NDArray[np.int32]:
    return np.round(points * _STEPS).astype(np.int32)


def _as_scalar(color: npt.ArrayLike) -> list[float]:
    return np.asarray(color, float).ravel().tolist()
