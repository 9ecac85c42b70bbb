"""Which part of a clip a visit shows: most clips last longer than their bucket, and all of them should be seen."""

from typing import Final

import numpy as np
import numpy.typing as npt

from dataset_schema import FRAMES_PER_SECOND, Bucket
from modeling.randomness import numpy_generator

# A clip's duration is known to half a frame: so much of it may be missing at its end (`Bucket.least_duration_s`).
_ROUNDING: Final = 0.5


def count_windows(
    durations_s: npt.NDArray[np.floating], bucket: Bucket, *, most: int | None = None
) -> npt.NDArray[np.int64]:
    """How many windows of each clip there are to see: one for each 1/24 s at which it may start, or `most` of them."""
    spare = np.floor(durations_s.astype(np.float64) * FRAMES_PER_SECOND + _ROUNDING - bucket.frames)
    starts = 1 + np.maximum(0, spare).astype(np.int64)
    return starts if most is None else np.minimum(starts, most)


def window_starts_s(duration_s: float, bucket: Bucket, *, most: int | None = None) -> npt.NDArray[np.float64]:
    """When each window starts, from the clip's start on; `most` of them lie evenly over the clip, the first at 0."""
    (starts,) = count_windows(np.array([duration_s]), bucket)
    (count,) = count_windows(np.array([duration_s]), bucket, most=most)
    return np.asarray(np.round(np.linspace(0, starts - 1, count)) / FRAMES_PER_SECOND, np.float64)


def draw_window_s(duration_s: float, bucket: Bucket, *, most: int | None, seed: int, clip_id: str, visit: int) -> float:
    """When the window of a visit starts: a function of (seed, clip, visit), every window as likely as the next."""
    starts_s = window_starts_s(duration_s, bucket, most=most)
    return float(starts_s[numpy_generator("window", seed, clip_id, visit).integers(len(starts_s))])
