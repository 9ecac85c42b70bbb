"""Edges along rows or columns that stay where they are while the picture around them changes.

What a camera films moves in the frame as soon as the camera does; the border of a picture laid over it does not, and
it is straight to the pixel. Here such edges are measured in the 16 frames that are spread over a clip; whether they are
exact is asked of full-size frames (`exact_edges.py`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.records import Video
from curation.video.sampling import CONTENT_SIDE

Map = npt.NDArray[np.float64]  # (BLOCKS, CONTENT_SIDE - 1), a number for every block of rows and edge between columns
BoolMap = npt.NDArray[np.bool_]

BLOCK: Final = 8
BLOCKS: Final = CONTENT_SIDE // BLOCK

# Our choice, all on clips composed for the purpose: steps above this count alike, so that one bright line is not all.
_MAX_STEP: Final = 60
_QUARTERS: Final = 4
LEVELS: Final = 0.7  # of 255: weaker edges are as good as none
_MOVES_LEVELS: Final = 5.0
_MOVES_SHARE: Final = 0.25
# A candidate's blocks gain what they exceed this by, and the best run of them must come to about three clear ones.
_WORTH: Final = 0.2
SEEN: Final = 0.1  # strength of an edge that is there at all
_MIN_RUN: Final = 0.5
_MAX_CANDIDATES: Final = 40
# Nearer to the frame's own border there is no room to compare with.
MARGIN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Borders:
    """The edges between columns; given a transposed video, those between rows.

    Attributes:
        strength: log of how much stronger the edge is than what surrounds it, in three of four quarters of the clip.
        moves_before: the picture moves on the side of the lower column, and what moves does not hide the edge.
        moves_after: it does on the other side.
        candidates: columns after which a long clear edge lies, rising.
    """

    strength: Map
    moves_before: BoolMap
    moves_after: BoolMap
    candidates: tuple[int, ...]


def find_borders(video: Video, is_moving: BoolMap) -> Borders:
    """Measure the edges between the columns of (frames, CONTENT_SIDE, CONTENT_SIDE, 3).

    Args:
        video: one that is transposed gives the edges between rows.
        is_moving: what `moving_pixels` says of it.
    """
    steps = steps_between_columns(video).reshape(len(video), BLOCKS, BLOCK, CONTENT_SIDE - 1).mean(axis=2)
    strength = _strength(steps)
    is_seen = _edge_or_beside(steps) > SEEN
    # What passes a thing in the scene comes before its edge; it cannot come before what is laid over it.
    stays = is_seen[1:] & is_seen[:-1]
    shares = is_moving.reshape(len(is_moving), BLOCKS, BLOCK, CONTENT_SIDE).mean(axis=2)
    # A drawn border of a few pixels lies between.
    before, after = (mean_within(shares, *columns)[..., :-1] > 0.5 for columns in ((-6, -3), (5, 8)))
    return Borders(
        strength=strength,
        moves_before=(before & stays).mean(axis=0) > _MOVES_SHARE,
        moves_after=(after & stays).mean(axis=0) > _MOVES_SHARE,
        candidates=_candidates(strength),
    )


def moving_pixels(video: Video) -> BoolMap:
    """From each frame to the next, the pixels that change by more than they differ from their neighbours on average.

    Less is a camera that trembles, whose edges stay at their pixel too.
    """
    change = apart(video[1:], video[:-1])
    below = np.pad(apart(video[:, 1:], video[:, :-1]).mean(axis=0), ((0, 1), (0, 0)))
    beside = np.pad(apart(video[:, :, 1:], video[:, :, :-1]).mean(axis=0), ((0, 0), (0, 1)))
    return np.asarray(change > np.maximum(np.maximum(below, beside), _MOVES_LEVELS))


def apart(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """How far two pictures are apart at each pixel, in the colour that differs most."""
    # Several times faster than `max` along an axis of three, for which signed numbers would be needed.
    apart = np.maximum(one, other) - np.minimum(one, other)
    return np.asarray(np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2]), np.uint8)


def mean_within(values: npt.NDArray[np.float64], first: int, last: int) -> npt.NDArray[np.float64]:
    """Mean of `values[..., x + first : x + last]` for every x, of what lies inside; 0 where less than two do."""
    count = values.shape[-1]
    sums = np.cumsum(np.pad(values, [(0, 0)] * (values.ndim - 1) + [(1, 0)]), axis=-1)
    start, end = (np.clip(np.arange(count) + offset, 0, count) for offset in (first, last))
    means = (sums[..., end] - sums[..., start]) / np.maximum(end - start, 1)
    return np.asarray(np.where(end - start < 2, 0, means), np.float64)


def steps_between_columns(video: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """How far (..., rows, columns, 3) changes from each column to the next, in the colour that changes most."""
    return np.minimum(apart(video[..., 1:, :], video[..., :-1, :]), _MAX_STEP).astype(np.float64)


def edge_strength(steps: npt.NDArray[np.float64], *, width: int, reach: int) -> npt.NDArray[np.float64]:
    """Log of the step at each place, over `width` pixels, against the stronger of what lies on either side.

    A pixel is left out on both sides; the surroundings end `reach` pixels away.
    """
    before, after = width // 2, width - width // 2
    here = mean_within(steps, -before, after)
    around = np.maximum(mean_within(steps, -reach, -before - 1), mean_within(steps, after + 1, reach + 1))
    return np.asarray(np.log((here + LEVELS) / (around + LEVELS)), np.float64)


def _strength(steps: npt.NDArray[np.float64]) -> Map:
    quarters = steps.reshape(_QUARTERS, -1, *steps.shape[1:]).mean(axis=1)
    return np.asarray(np.sort(_edge_or_beside(quarters), axis=0)[1], np.float64)


def _edge_or_beside(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How strong the edge is: a block's corner, or a border two pixels wide, may be clearest a column away."""
    strength = np.clip(edge_strength(steps, width=3, reach=7), -1, 1)
    padded = np.pad(strength, ((0, 0), (0, 0), (1, 1)), constant_values=-1)
    return np.asarray(np.maximum.reduce([padded[..., :-2], padded[..., 1:-1], padded[..., 2:]]), np.float64)


def _candidates(strength: Map) -> tuple[int, ...]:
    """The columns with the clearest runs of blocks, no two of them neighbours."""
    run, best = np.zeros(strength.shape[1]), np.zeros(strength.shape[1])
    for row in np.maximum(strength - _WORTH, -3 * _WORTH):
        run = np.maximum(run + row, 0)
        best = np.maximum(best, run)
    best[:MARGIN] = best[-MARGIN:] = 0
    chosen: list[int] = []
    for column in np.argsort(-best, kind="stable"):
        if best[column] < _MIN_RUN or len(chosen) == _MAX_CANDIDATES:
            break
        if all(abs(column - other) > 2 for other in chosen):
            chosen.append(int(column))
    return tuple(sorted(chosen))
