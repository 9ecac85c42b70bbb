"""Which moments of a clip are kept as pictures, decided from its timeline before anything is decoded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.given import FrameAt
from curation.video.sampling import (
    CONTENT_FRAMES,
    MAX_LARGE_STILLS,
    NEIGHBOUR_STEP_S,
    NEIGHBOURS_EACH_SIDE,
    REFERENCE_POSITIONS,
    SMALL_PER_LARGE_STILL,
)
from curation.video.shot_division import Division

# Some containers round times to milliseconds; a moment this close to the next frame belongs to it.
ROUNDING_S: Final = 2e-3

Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlan:
    """Moments, each in the middle of the time that its frame is on show, so that rounding cannot pick a neighbour.

    Attributes:
        content_s: for the content filter, rising.
        references_s: of the reference frames, rising, all different.
        neighbours_s: around each reference frame, rising, all different, itself among them.
        clip_end_s: where the clip ends and a rest begins that references are taken from; None for an undivided shot.
    """

    content_s: tuple[float, ...]
    references_s: tuple[float, ...]
    neighbours_s: tuple[tuple[float, ...], ...]
    clip_end_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StillsPlan:
    """Moments on a grid of times, as above, for a video that will be split when nobody knows yet where.

    Attributes:
        small_s: every `NEIGHBOUR_STEP_S`, or every frame where they are further apart.
        large_s: every `large_step_s`; all of them are among the small ones.
    """

    small_s: tuple[float, ...]
    large_s: tuple[float, ...]
    large_step_s: float


def plan_frames(
    times_s: Times, end_s: float, division: Division | None = None, wanted: Sequence[FrameAt] = ()
) -> FramePlan:
    """Spread the moments over a clip whose frames appear at `times_s` and whose last one ends at `end_s`.

    Where the shot is divided, the content frames are the clip's, as is the first reference frame, its middle one, to
    compare with; the others are at 5, 50 and 95 % of the rest. A shot too short for the division is not divided.
    Where frames are wanted, they are the reference frames.

    Raises:
        ValueError: a wanted frame is not there.
    """
    middles = frame_middles(times_s, end_s)
    start_s = float(times_s[0])
    clip_end_s = division.clip_end_s(times_s, end_s) if division else None
    positions = np.array(REFERENCE_POSITIONS)
    if division is None or clip_end_s is None:
        references_s = _spread(start_s, end_s, positions)
    else:
        rest_s = _spread(clip_end_s + division.gap_s, end_s, positions)
        references_s = np.append(_spread(start_s, clip_end_s, np.array([0.5])), rest_s)
    content_s = _spread(start_s, clip_end_s or end_s, (np.arange(CONTENT_FRAMES) + 0.5) / CONTENT_FRAMES)
    references = np.unique(_shown_at(times_s, references_s))
    if wanted:
        references = np.unique([at.among(len(times_s)) for at in wanted])
    return FramePlan(
        content_s=tuple(middles[_shown_at(times_s, content_s)].tolist()),
        references_s=tuple(middles[references].tolist()),
        neighbours_s=tuple(tuple(middles[neighbours(times_s, reference)].tolist()) for reference in references),
        clip_end_s=clip_end_s,
    )


def plan_stills(times_s: Times, end_s: float) -> StillsPlan:
    """Lay the grid over a video."""
    middles = frame_middles(times_s, end_s)
    grid_s = np.arange(float(times_s[0]), end_s, NEIGHBOUR_STEP_S)
    small_per_large = max(SMALL_PER_LARGE_STILL, math.ceil(len(grid_s) / MAX_LARGE_STILLS))
    return StillsPlan(
        small_s=tuple(middles[np.unique(nearest(times_s, grid_s))].tolist()),
        large_s=tuple(middles[np.unique(nearest(times_s, grid_s[::small_per_large]))].tolist()),
        large_step_s=small_per_large * NEIGHBOUR_STEP_S,
    )


def frame_middles(times_s: Times, end_s: float) -> Times:
    """The middle of the time that each frame is on show."""
    middles: Times = (times_s + np.append(times_s[1:], end_s)) / 2
    return middles


def nearest(times_s: Times, moments_s: Times) -> npt.NDArray[np.intp]:
    """Index of the time that is closest to each moment; `times_s` rises."""
    if len(times_s) == 1:
        return np.zeros(len(moments_s), np.intp)
    after = np.searchsorted(times_s, moments_s).clip(1, len(times_s) - 1)
    is_before: npt.NDArray[np.bool_] = moments_s - times_s[after - 1] <= times_s[after] - moments_s
    return after - is_before


def neighbours(times_s: Times, reference: int) -> npt.NDArray[np.intp]:
    """Indices of the frames that show the motion around a frame, itself among them; within the shot only."""
    steps = np.arange(-NEIGHBOURS_EACH_SIDE, NEIGHBOURS_EACH_SIDE + 1)
    moments_s = times_s[reference] + steps * NEIGHBOUR_STEP_S
    inside = moments_s[(moments_s >= times_s[0] - 1e-6) & (moments_s <= times_s[-1] + 1e-6)]
    return np.unique(nearest(times_s, inside))


def _spread(start_s: float, end_s: float, positions: Times) -> Times:
    return start_s + positions * (end_s - start_s)


def _shown_at(times_s: Times, moments_s: Times) -> npt.NDArray[np.intp]:
    """Index of the frame on show at each moment."""
    return np.clip(np.searchsorted(times_s, moments_s + ROUNDING_S, side="right") - 1, 0, None)
