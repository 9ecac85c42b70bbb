"""Which moments of a clip are kept as pictures, decided from its timeline before anything is decoded."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.video.sampling import CONTENT_FRAMES, NEIGHBOUR_STEP_S, NEIGHBOURS_EACH_SIDE, REFERENCE_POSITIONS

# Some containers round times to milliseconds; a moment this close to the next frame belongs to it.
_ROUNDING_S: Final = 2e-3

Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlan:
    """Moments, each in the middle of the time that its frame is on show, so that rounding cannot pick a neighbour.

    Attributes:
        content_s: for the content filter, rising.
        references_s: of the reference frames, rising, all different.
        neighbours_s: around each reference frame, rising, all different, itself among them.
    """

    content_s: tuple[float, ...]
    references_s: tuple[float, ...]
    neighbours_s: tuple[tuple[float, ...], ...]


def plan_frames(times_s: Times, end_s: float) -> FramePlan:
    """Spread the moments over a clip whose frames appear at `times_s` and whose last one ends at `end_s`."""
    middles = (times_s + np.append(times_s[1:], end_s)) / 2
    start_s, duration_s = float(times_s[0]), end_s - float(times_s[0])
    content = _shown_at(times_s, start_s + (np.arange(CONTENT_FRAMES) + 0.5) / CONTENT_FRAMES * duration_s)
    references = np.unique(_shown_at(times_s, start_s + np.array(REFERENCE_POSITIONS) * duration_s))
    steps = np.arange(-NEIGHBOURS_EACH_SIDE, NEIGHBOURS_EACH_SIDE + 1) * NEIGHBOUR_STEP_S
    neighbours = (np.unique(_nearest(times_s, times_s[reference] + steps)) for reference in references)
    return FramePlan(
        content_s=tuple(middles[content].tolist()),
        references_s=tuple(middles[references].tolist()),
        neighbours_s=tuple(tuple(middles[around].tolist()) for around in neighbours),
    )


def _shown_at(times_s: Times, moments_s: Times) -> npt.NDArray[np.intp]:
    """Index of the frame on show at each moment."""
    return np.clip(np.searchsorted(times_s, moments_s + _ROUNDING_S, side="right") - 1, 0, None)


def _nearest(times_s: Times, moments_s: Times) -> npt.NDArray[np.intp]:
    """Index of the frame whose start is closest to each moment, for moments within the clip only."""
    inside = moments_s[(moments_s >= times_s[0] - 1e-6) & (moments_s <= times_s[-1] + 1e-6)]
    closest: npt.NDArray[np.intp] = np.abs(times_s[None] - inside[:, None]).argmin(axis=1)
    return closest
