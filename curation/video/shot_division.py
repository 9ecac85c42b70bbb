"""Where a shot is divided, so that its references come from another time than the clip that they belong to.

A model that is given pictures cut from the very frames it has to make learns to copy them. HunyuanCustom trains on the
first 5 seconds of a video and takes the references from the next 15; this does the same within one shot.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

# Some containers round times to milliseconds; a division this close to the start of a frame falls on it, and a shot may
# be this much too short.
_ROUNDING_S: Final = 2e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """A clip at the start of the shot, a gap, and a rest that is at least as long as the clip.

    Our choice: the longest of the allowed clips that leaves such a rest, because pose, distance and light change with
    time: three references out of half a second are three copies of one.

    Attributes:
        lengths_s: what a clip may last: the buckets.
        gap_s: between the end of the clip and the rest.
    """

    lengths_s: tuple[float, ...]
    gap_s: float

    def __post_init__(self) -> None:
        if not self.lengths_s or min(self.lengths_s) <= 0:
            raise ValueError(f"division has lengths_s {self.lengths_s}, expected at least one, all above 0")
        if self.gap_s < 0:
            raise ValueError(f"division has gap_s {self.gap_s}, expected 0 or more seconds")

    @property
    def shortest_s(self) -> float:
        """What a shot must last to be divided."""
        return 2 * min(self.lengths_s) + self.gap_s

    def clip_end_s(self, times_s: npt.NDArray[np.float64], end_s: float) -> float | None:
        """When the clip ends in a shot whose frames appear at `times_s`; None for one that is too short."""
        start_s = float(times_s[0])
        longest_s = (end_s - start_s - self.gap_s) / 2 + _ROUNDING_S
        fitting = [length_s for length_s in self.lengths_s if length_s <= longest_s]
        if not fitting:
            return None
        clip_end_s = start_s + max(fitting)
        closest_s = float(times_s[np.abs(times_s - clip_end_s).argmin()])
        return closest_s if abs(closest_s - clip_end_s) <= _ROUNDING_S else clip_end_s
