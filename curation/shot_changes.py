"""From the probabilities of a shot detector to shot changes."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class ShotChange(NamedTuple):
    """A run of frames that are likely to have a shot change before them: the first, the likeliest, the last."""

    first: int
    likeliest: int
    last: int


def shot_changes(probabilities: npt.NDArray[np.float64], threshold: float) -> list[ShotChange]:
    """One change per run of probabilities at or above the threshold.

    A probability is about a frame and the next one; a change is named by that next one, which begins the new shot.
    """
    above = np.flatnonzero(probabilities >= threshold)
    if not len(above):
        return []
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1)
    return [ShotChange(*(int(i) + 1 for i in (run[0], run[np.argmax(probabilities[run])], run[-1]))) for run in runs]
