"""Jumps of the whole picture from one frame to the next: cuts between shots that look alike.

TransNetV2 hardly answers to a cut within one scene, and weakly to one between two pictures of one color. Yet such a
cut is plain to see: the picture changes at once nearly everywhere, by more than it ever does in the frames around, and
no movement explains it. Three things look similar and are not cuts: a flash, after which the old picture comes back; a
lamp that is switched on, which changes brightness and contrast but no shapes; and a window that opens, outside which
nothing changes.
"""

from itertools import pairwise
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Video

_Grey: TypeAlias = npt.NDArray[np.float32]

# Our choice: the frames around are four each side, at common frame rates a sixth of a second: shots of five frames are
# still told apart, and flashes of up to three are seen through.
_AROUND: Final = 4
# Our choice: the share of the picture that must jump. On generated footage windows, insets, shaken cameras and most
# lamps stay below 0.55; above 0.75 lie cuts, and of the rest only full-screen pages, long flashes and bright lamps.
_LEAST_SHARE: Final = 2 / 3
# Levels of grey that are never more than noise.
_NOISE: Final = 1.0
# A part that changes by less than this in all frames around was not filmed: a camera's pictures are never quite still.
_STILL: Final = 0.1
# Only frames that differ this many times more than any around are looked at closely.
_LEAST_RATIO: Final = 2.0
# How far a part may move from one frame to the next, in pixels of the thumbnail: a tenth of the picture.
_REACH_ROWS: Final = 3
_REACH_COLUMNS: Final = 5
# The picture is judged in 5 x 8 parts, each smoothed over this many pixels.
_PARTS: Final = (8, 5)
_SMOOTHING: Final = (5, 5)


def picture_jumps(thumbnails: Video, is_open: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """For every frame: the share of the picture that jumps between it and the next; 0 where it is less than a cut's.

    Args:
        thumbnails: (frames, 27, 48, 3).
        is_open: which frames to look at; the others get 0.
    """
    shares = np.zeros(len(thumbnails))
    if len(thumbnails) > 2 * _AROUND + 1:
        for frame in _candidates(thumbnails):
            share = _jumping_share(thumbnails, frame) if is_open[frame] else 0.0
            shares[frame] = share if share >= _LEAST_SHARE else 0.0
    return shares


def _candidates(thumbnails: Video) -> list[int]:
    """Frames whose difference to the next one stands out from those around."""
    changes = np.array([np.abs(a.astype(np.int16) - b).mean() for a, b in pairwise(thumbnails)])
    around = np.lib.stride_tricks.sliding_window_view(changes, 2 * _AROUND + 1).copy()
    around[:, _AROUND] = 0
    standing_out = changes[_AROUND:-_AROUND] > _LEAST_RATIO * (around.max(1) + _NOISE)
    return (np.flatnonzero(standing_out) + _AROUND).tolist()


def _jumping_share(thumbnails: Video, frame: int) -> float:
    """Share of the parts that differ across the cut, whichever frames one compares, by more than they do around it."""
    first, last = frame - _AROUND, frame + 1 + _AROUND
    grey = {
        index: cv2.cvtColor(thumbnails[index], cv2.COLOR_RGB2GRAY).astype(np.float32)
        for index in range(first, last + 1)
    }
    usual = np.max([_residual(grey[i], grey[i + 1]) for i in range(first, last) if i != frame], axis=0)
    before, after = (first, frame - 1, frame), (frame + 1, frame + 2, last)
    across = np.min([_residual(grey[i], grey[j]) for i in before for j in after], axis=0)
    return float(((across > usual + _NOISE) & (usual > _STILL)).mean())


def _residual(before: _Grey, after: _Grey) -> _Grey:
    """By how much parts of a picture differ from an earlier one, at the best movement and exposure."""
    return np.minimum(_moved_residual(before, after), _moved_residual(_exposed_as(before, after), after))


def _exposed_as(before: _Grey, after: _Grey) -> _Grey:
    """The picture with the other's levels, dark to bright: what any lamp and any clipping do to it."""
    exposed = np.empty_like(before)
    exposed.flat[np.argsort(before, axis=None, kind="stable")] = np.sort(after, axis=None)
    return exposed


def _moved_residual(before: _Grey, after: _Grey) -> _Grey:
    height, width = after.shape
    rows, columns = _REACH_ROWS, _REACH_COLUMNS
    wide = cv2.copyMakeBorder(before, rows, rows, columns, columns, cv2.BORDER_REPLICATE)
    least = np.full_like(after, np.inf)
    for top in range(2 * rows + 1):
        for left in range(2 * columns + 1):
            difference = cv2.absdiff(wide[top : top + height, left : left + width], after)
            cv2.min(least, cv2.blur(difference, _SMOOTHING, borderType=cv2.BORDER_REPLICATE), least)
    return np.asarray(cv2.resize(least, _PARTS, interpolation=cv2.INTER_AREA), np.float32)
