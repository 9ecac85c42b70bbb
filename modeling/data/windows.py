"""Which part of a clip a visit shows: most clips last longer than their bucket, and all of them should be seen."""

from typing import Final

import numpy as np
import numpy.typing as npt

from dataset_schema import FRAMES_PER_SECOND, Bucket
from modeling.randomness import numpy_generator

# A clip's duration is known to half a frame: so much of it may be missing at its end (`Bucket.least_duration_s`).
_ROUNDING: Final = 0.5


def count_windows(
    durations_s: npt.NDArray[np.floating], bucket: Bucket, *, fps: float = FRAMES_PER_SECOND, most: int | None = None
) -> npt.NDArray[np.int64]:
    """How many windows of each clip there are to see: one for each frame at which it may start, or `most` of them."""
    spare = np.floor(durations_s.astype(np.float64) * fps + _ROUNDING - bucket.frames)
    starts = 1 + np.maximum(0, spare).astype(np.int64)
    return starts if most is None else np.minimum(starts, most)


def window_starts_s(
    duration_s: float, bucket: Bucket, *, fps: float = FRAMES_PER_SECOND, most: int | None = None
) -> npt.NDArray[np.float64]:
    """When each window starts, from the clip's start on; `most` of them lie evenly over the clip, the first at 0."""
    (starts,) = count_windows(np.array([duration_s]), bucket, fps=fps)
    (count,) = count_windows(np.array([duration_s]), bucket, fps=fps, most=most)
    return np.asarray(np.round(np.linspace(0, starts - 1, count)) / fps, np.float64)


def draw_window_s(starts_s: npt.NDArray[np.float64], *, seed: int, clip_id: str, visit: int) -> float:
    """When the window of a visit starts: a function of (seed, clip, visit), every window as likely as the next.

    Args:
        starts_s: of all windows of the clip.
        seed: of the run.
        clip_id: of the clip.
        visit: its number.
    """
    return float(starts_s[numpy_generator("window", seed, clip_id, visit).integers(len(starts_s))])
