"""Rectangles of lasting borders, and whether the picture moves around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from curation.annotators.insets.borders import BLOCK, SEEN, Borders, find_borders, moving_pixels
from curation.records import Video
from curation.video.sampling import CONTENT_SIDE

Box = tuple[int, int, int, int]  # x0, y0, x1, y1, half-open, in pixels of the content frames

# Our choice: what is narrower than a tenth of the frame is a logo or a line of text; what leaves less than a fifth of
# the frame is the clip itself within bars.
_MIN_SIDE: Final = 24
_MAX_AREA: Final = 0.8
# A side is closed if its edge is half as strong again as what surrounds it, and to be seen in most of its blocks.
_MIN_STRENGTH: Final = 0.4
_MIN_SEEN: Final = 0.75

_Array: TypeAlias = npt.NDArray[np.float64]
_Sides: TypeAlias = Sequence[npt.NDArray[Any]]  # of the edges on the left, on the right, at the top, at the bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A part of the frame, closed by lasting edges wherever it does not end with the frame.

    Attributes:
        strength: mean of the edge along the weakest of its sides, those on the frame's border left out.
        moves_outside: share of that side's length along which the picture outside moves, of the side where it is least.
    """

    box: Box
    strength: float
    moves_outside: float


def find_rectangles(video: Video) -> list[Rectangle]:
    """The rectangles of (16, CONTENT_SIDE, CONTENT_SIDE, 3), the clearest first; bands across the frame are none."""
    is_moving = moving_pixels(video)
    upright = find_borders(video, is_moving)
    level = find_borders(video.transpose(0, 2, 1, 3), is_moving.transpose(0, 2, 1))
    grid = _Grid(upright, level)
    strength = grid.least((upright.strength, upright.strength, level.strength, level.strength))
    seen = grid.least([each.strength > SEEN for each in (upright, upright, level, level)])
    moves = grid.least((upright.moves_before, upright.moves_after, level.moves_before, level.moves_after))
    is_closed = (strength >= _MIN_STRENGTH) & (seen >= _MIN_SEEN)
    found = [
        Rectangle(box=grid.box(i, j), strength=float(strength[i, j]), moves_outside=float(moves[i, j]))
        for i, j in np.argwhere(is_closed & grid.is_part & (grid.area <= _MAX_AREA))
    ]
    return sorted(found, key=lambda each: each.strength + each.moves_outside, reverse=True)


class _Spans:
    """Pairs of borders in one direction, the frame's own among them, and the blocks between them."""

    def __init__(self, borders: Borders) -> None:
        edges = (-1, *borders.candidates, CONTENT_SIDE - 1)
        pairs = [(a, b) for place, a in enumerate(edges) for b in edges[place + 1 :] if b - a >= _MIN_SIDE]
        self.first, self.last = np.array(pairs).T
        # What a corner lies in says little, so most of a block must lie within.
        self.start = np.floor((self.first + 1) / BLOCK + 0.6).astype(int)
        self.end = np.maximum(np.ceil((self.last + 1) / BLOCK - 0.6).astype(int), self.start + 1)

    def sums(self, values: npt.NDArray[Any], borders: npt.NDArray[np.intp]) -> _Array:
        """Of (BLOCKS, edges) over the blocks of every span, at each of some borders: (borders, spans)."""
        totals = np.vstack([np.zeros(values.shape[1]), np.cumsum(values, axis=0)])[
            :, borders.clip(0, values.shape[1] - 1)
        ]
        return np.asarray((totals[self.end] - totals[self.start]).T, np.float64)


class _Grid:
    """Every rectangle that two upright and two level borders make: arrays are (across, down), of sides (4, ...)."""

    def __init__(self, upright: Borders, level: Borders) -> None:
        self._across, self._down = across, down = _Spans(upright), _Spans(level)
        shape = (len(across.first), len(down.first))
        lengths = [down.end - down.start] * 2 + [(across.end - across.start)[:, None]] * 2
        self._blocks = np.stack([np.broadcast_to(length, shape) for length in lengths])
        end = CONTENT_SIDE - 1
        free = (across.first[:, None] >= 0, across.last[:, None] < end, down.first >= 0, down.last < end)
        self._is_free = np.stack([np.broadcast_to(each, shape) for each in free])
        left, right, top, bottom = self._is_free
        self.is_part = (left | right) & (top | bottom)
        self.area = (across.last - across.first)[:, None] * (down.last - down.first) / CONTENT_SIDE**2

    def box(self, i: int, j: int) -> Box:
        """Where one of them lies."""
        across, down = self._across, self._down
        x0, y0, x1, y1 = (int(edges) + 1 for edges in (across.first[i], down.first[j], across.last[i], down.last[j]))
        return x0, y0, x1, y1

    def least(self, maps: _Sides) -> _Array:
        """Mean along the free side on which it is least."""
        return np.asarray(np.where(self._is_free, self._sums(maps) / self._blocks, np.inf).min(axis=0))

    def _sums(self, maps: _Sides) -> _Array:
        left, right, top, bottom = maps
        across, down = self._across, self._down
        upright = [down.sums(left, across.first), down.sums(right, across.last)]
        return np.stack([*upright, across.sums(top, down.first).T, across.sums(bottom, down.last).T])
