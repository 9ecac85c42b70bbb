"""What a sprite's silhouette is made of: pieces cut from outlines, some of which swing on a pivot as it moves.

Units: a sprite is about two wide, x to the right, y down, and it faces right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import cv2
import numpy as np

from worlds.affine import Affine, Points, apply, rotation, taking
from worlds.arrays import Color

Outline: TypeAlias = Points  # closed
Point: TypeAlias = tuple[float, float]

INK: Final[Color] = (38, 30, 34)
WHITE: Final[Color] = (250, 248, 242)

# Half the side of the square that a sprite is drawn in: room for swinging limbs.
REACH: Final = 1.3

_AREA_SCALE_PX: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """How a piece moves over one cycle: an angle about its pivot, and a stretch along y.

    Attributes:
        offset: where in the cycle it starts, in [0, 1).
        stretch: 0 for rigid; 0.8 makes a wing shrink to a fifth of its height and grow back.
    """

    angle_deg: float = 0.0
    offset: float = 0.0
    stretch: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A disc painted on a piece: an eye, a nostril, a hub."""

    center: Point
    radius: float
    color: Color


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A piece of a sprite.

    Attributes:
        pivot: the point it swings about.
        shade: brightness; limbs on the far side are darker.
        color: flat color; None wears the sprite's texture.
    """

    outline: Outline
    pivot: Point = (0.0, 0.0)
    swing: Swing = field(default_factory=Swing)
    shade: float = 1.0
    color: Color | None = None
    marks: tuple[Mark, ...] = ()

    def pose(self, phase: float) -> Affine:
        """The affine map from the piece's rest place to its place at `phase` of the cycle, in sprite units."""
        wave = np.sin(2 * np.pi * (phase + self.swing.offset))
        angle = np.deg2rad(self.swing.angle_deg) * wave
        height = 1 - self.swing.stretch * (0.5 - 0.5 * wave)
        return taking(self.pivot, self.pivot, rotation(angle) * (1, height))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """A silhouette: its pieces from back to front."""

    pieces: tuple[Piece, ...]

    def bounds(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) at rest; y1 is where it stands."""
        return _box([piece.outline for piece in self.pieces])

    def bounds_at(self, phase: float) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) at a phase of the cycle: its legs are not where they are at rest."""
        return _box([apply(piece.pose(phase), piece.outline) for piece in self.pieces])

    def area(self) -> float:
        """Covered area at rest, in square units."""
        side = round(2 * REACH * _AREA_SCALE_PX)
        canvas = np.zeros((side, side), np.uint8)
        for piece in self.pieces:
            cv2.fillPoly(canvas, [np.round((piece.outline + REACH) * _AREA_SCALE_PX).astype(np.int32)], 1)
        return float(canvas.sum()) / _AREA_SCALE_PX**2


def smooth(points: Sequence[Point], *, per_segment: int = 8) -> Outline:
    """A closed Catmull-Rom curve through the points."""
    knots = np.asarray(points, np.float64)
    t = (np.arange(per_segment) / per_segment)[:, None]
    before, start, end, after = (np.roll(knots, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    curve = start + 0.5 * t * (
        end - before + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
    return np.asarray(curve.reshape(-1, 2))


def polygon(points: Sequence[Point]) -> Outline:
    """A closed outline with sharp corners."""
    return np.asarray(points, np.float64)


def ellipse(center: Point, radii: Point, *, angle_deg: float = 0.0) -> Outline:
    """An ellipse; `radii` along x and y before it is turned by `angle_deg`."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    angle = np.deg2rad(angle_deg)
    x, y = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
    return np.column_stack(
        [center[0] + x * np.cos(angle) - y * np.sin(angle), center[1] + x * np.sin(angle) + y * np.cos(angle)]
    )


def ribbon(points: Sequence[Point], widths: Sequence[float]) -> Outline:
    """A limb or tail along a line of points, with a width at each and round ends."""
    line = np.asarray(points, np.float64)
    half = np.asarray(widths, np.float64)[:, None] / 2
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.column_stack([-along[:, 1], along[:, 0]])
    tip, root = line[-1] + along[-1] * half[-1], line[0] - along[0] * half[0]
    ring = np.concatenate([[root], line + across * half, [tip], (line - across * half)[::-1]])
    return smooth([(float(x), float(y)) for x, y in ring], per_segment=6)


def eye(center: Point, radius: float = 0.085) -> tuple[Mark, ...]:
    """An eye that looks ahead: white, pupil and a spark of light."""
    x, y = center
    return (
        Mark(center=center, radius=radius, color=WHITE),
        Mark(center=(x + 0.25 * radius, y), radius=0.66 * radius, color=INK),
        Mark(center=(x + 0.45 * radius, y - 0.3 * radius), radius=0.22 * radius, color=WHITE),
    )


def _box(outlines: Sequence[Outline]) -> tuple[float, float, float, float]:
    points = np.concatenate(outlines)
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
