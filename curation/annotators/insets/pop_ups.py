"""Cuts within a part of the frame: a picture that pops up, or gives way to the next, while the rest goes on."""

from typing import Final

import numpy as np
import numpy.typing as npt

from curation.annotators.insets.borders import apart
from curation.records import Video

# Our choice, on clips composed for the purpose: what changes at once changes by this many levels of 255, and three
# times as much as in any of the frames around it, which things that move do not.
_LEVELS: Final = 12
_TIMES_MORE: Final = 3.0
_AROUND: Final = 8
# The part is at least this much of the frame's height and width (a line of subtitles is less) and not all of it; it is
# full of change, and there is little elsewhere. Elsewhere is no plain bar.
_MIN_SIDE: Final = 0.18
_MAX_AREA: Final = 0.8
_MIN_INSIDE: Final = 0.8
_MAX_OUTSIDE: Final = 0.2
_QUIET_LEVELS: Final = 5
_MIN_TEXTURE: Final = 8.0
# The part shows another picture afterwards, not the same one in other light: a lamp that is switched, a flash.
_MAX_LIKENESS: Final = 0.4

_Change = npt.NDArray[np.uint8]
_Cells = tuple[slice, slice]


def has_pop_up(thumbnails: Video) -> bool:
    """Whether between two frames of (frames, 27, 48, 3) a rectangle is cut to another picture, and little else is."""
    if len(thumbnails) < 2:
        return False
    change = apart(thumbnails[1:], thumbnails[:-1])
    is_sudden = (change > _LEVELS) & (change > _TIMES_MORE * _most_around(change))
    counts = is_sudden.mean(axis=(1, 2))
    moments = np.flatnonzero(counts > _MIN_SIDE**2 * _MIN_INSIDE)
    return any(_is_pop_up(is_sudden[moment], change[moment], thumbnails[moment : moment + 2]) for moment in moments)


def _most_around(change: _Change) -> _Change:
    """Per frame and cell, the largest change of the frames before and after it."""
    padded = np.pad(change, ((_AROUND, _AROUND), (0, 0), (0, 0)))
    shifts = [shift for shift in range(2 * _AROUND + 1) if shift != _AROUND]
    return np.asarray(np.maximum.reduce([padded[shift : shift + len(change)] for shift in shifts]), np.uint8)


def _is_pop_up(is_sudden: npt.NDArray[np.bool_], change: _Change, frames: Video) -> bool:
    """Whether what changes suddenly between two frames is a picture that comes, goes or gives way to another."""
    rows, columns = _fullest_rectangle(is_sudden)
    height, width = (part.stop - part.start for part in (rows, columns))
    cells = is_sudden.shape
    if height < _MIN_SIDE * cells[0] or width < _MIN_SIDE * cells[1] or height * width > _MAX_AREA * is_sudden.size:
        return False
    is_outside = np.ones(cells, np.bool_)
    is_outside[max(0, rows.start - 1) : rows.stop + 1, max(0, columns.start - 1) : columns.stop + 1] = False
    if not is_outside.any() or frames[0][is_outside].std(axis=0).max() < _MIN_TEXTURE:
        return False
    if _likeness(*frames[:, rows, columns].mean(axis=-1)) > _MAX_LIKENESS:
        return False
    outside = (change[is_outside] > _QUIET_LEVELS).mean()
    return bool(is_sudden[rows, columns].mean() >= _MIN_INSIDE and outside <= _MAX_OUTSIDE)


def _likeness(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The correlation of two grey pictures; 0 where one of them is plain."""
    one, other = one - one.mean(), other - other.mean()
    both = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / both if both > 1e-6 else 0.0


def _fullest_rectangle(cells: npt.NDArray[np.bool_]) -> _Cells:
    """The rectangle with the most cells, where one that is missing costs one and a half."""
    worth = np.where(cells, 1.0, -1.5)
    best, found = -np.inf, (slice(0, 1), slice(0, 1))
    for top in range(len(cells)):
        columns = np.zeros(cells.shape[1])
        for bottom in range(top, len(cells)):
            columns += worth[bottom]
            sums = np.concatenate([[0], np.cumsum(columns)])
            lowest = np.minimum.accumulate(sums)[:-1]
            gains = sums[1:] - lowest
            end = int(gains.argmax())
            if gains[end] > best:
                best = float(gains[end])
                found = (slice(top, bottom + 1), slice(int(sums[: end + 1].argmin()), end + 1))
    return found
