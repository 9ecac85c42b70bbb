"""One sprite by itself: a shape that wears a texture, at a phase of its cycle."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from worlds.affine import Affine, apply, compose, invert
from worlds.arrays import Grey, Image, Paint, Rgba
from worlds.sprites.shapes import INK, REACH, Outline, Piece, Shape
from worlds.sprites.strokes import fill, trace

_OUTLINE: Final = 0.03  # sprite units
_ROUNDNESS: Final = 0.16  # how far in from the edge the shading reaches, in sprite units
_EDGE_BRIGHTNESS: Final = 0.7


def draw_sprite(shape: Shape, cloth: Image, *, phase: float) -> Rgba:
    """The sprite as RGBA, premultiplied by its alpha, on a square of [-REACH, REACH] sprite units.

    `cloth` is the painted texture, a square of the size wanted; `phase` is a place in the cycle, in [0, 1).
    """
    side = cloth.shape[0]
    color = np.zeros((side, side, 3), np.float32)
    alpha = np.zeros((side, side), np.uint8)
    for piece in shape.pieces:
        _ink(alpha, _pixels(piece, phase, side), side)
    color += (np.array(INK, np.float32) / 255) * alpha[..., None]
    for piece in shape.pieces:
        _paint(color, piece, cloth, phase)
    rgb = np.minimum(color, alpha[..., None])
    return np.dstack([rgb.round().astype(np.uint8), alpha])


def lit(sprite: Rgba, light: float) -> Rgba:
    """A premultiplied sprite with all its colors multiplied."""
    colors = (sprite[..., :3] * np.float32(light)).round().astype(np.uint8)
    return np.dstack([colors, sprite[..., 3]])


def canvas_map(side: int) -> Affine:
    """From sprite units to pixels of a sprite's canvas."""
    scale = side / (2 * REACH)
    return np.array([[scale, 0.0, side / 2], [0.0, scale, side / 2]])


def _pixels(piece: Piece, phase: float, side: int) -> Outline:
    return apply(canvas_map(side), apply(piece.pose(phase), piece.outline))


def _ink(alpha: Grey, outline: Outline, side: int) -> None:
    """Cover the piece and a rim around it."""
    fill(alpha, outline, 255)
    trace(alpha, outline, 255, thickness=max(1, round(2 * _OUTLINE * side / (2 * REACH))))


def _paint(color: Paint, piece: Piece, cloth: Image, phase: float) -> None:
    """Lay one piece over what is there, in the window that it covers."""
    side = color.shape[0]
    outline = _pixels(piece, phase, side)
    x0, y0 = np.clip(np.floor(outline.min(axis=0)).astype(int) - 2, 0, side)
    x1, y1 = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 3, 0, side)
    if x0 >= x1 or y0 >= y1:
        return
    cover = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fill(cover, outline - (x0, y0), 255)
    window = _clothe(piece, cloth, phase, (int(x0), int(y0)), cover.shape)
    depth = cv2.distanceTransform((cover > 127).astype(np.uint8), cv2.DIST_L2, 3) * (2 * REACH / side)
    light = piece.shade * (_EDGE_BRIGHTNESS + (1 - _EDGE_BRIGHTNESS) * np.sqrt(np.minimum(depth / _ROUNDNESS, 1)))
    lit = window * light[..., None]
    for mark in piece.marks:
        center = apply(canvas_map(side), apply(piece.pose(phase), np.array([mark.center])))[0] - (x0, y0)
        radius = mark.radius * side / (2 * REACH)
        disc = np.clip(radius + 0.5 - np.hypot(*_grid(cover.shape, center)), 0, 1)[..., None]
        lit = lit * (1 - disc) + np.array(mark.color, np.float32) * disc
    weight = (cover / np.float32(255))[..., None]
    under = color[y0:y1, x0:x1]
    under += (lit - under) * weight


def _clothe(piece: Piece, cloth: Image, phase: float, corner: tuple[int, int], size: tuple[int, ...]) -> Paint:
    """The window's colors before light: flat, or the texture carried along with the piece's swing."""
    height, width = size[:2]
    if piece.color is not None:
        return np.broadcast_to(np.array(piece.color, np.float32), (height, width, 3))
    side = cloth.shape[0]
    carry = compose(canvas_map(side), compose(piece.pose(phase), invert(canvas_map(side))))
    carry[:, 2] -= corner
    window = cv2.warpAffine(cloth, carry, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(window, np.float32)


def _grid(size: tuple[int, ...], center: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    """Column and row distances of every pixel from a centre."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    return columns - center[0], rows - center[1]
