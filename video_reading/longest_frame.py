"""How long the frame of a clip is shown that is shown longest; no video library is loaded for it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def longest_frame_s(times_s: Sequence[float] | npt.NDArray[np.float64], end_s: float) -> float:
    """How long the frame is shown that is shown longest, to the millisecond; the last one is until `end_s`."""
    return round(float(np.diff(times_s, append=end_s).max()), 3)
