"""What one time through a bucket shows: every clip once, and clips of several subjects again (supplement D)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

# How often an epoch shows a clip of several subjects. Our choice: so few clips are not learnt by heart, and rare ones
# still count four times as much.
MOST_VISITS = 4

Rows: TypeAlias = Sequence[int] | npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Epoch:
    """One time through a bucket.

    Attributes:
        clips: of the bucket.
        favoured: the rows that come again.
        again: how many draws of those there are, beside the first of each.
    """

    clips: int
    favoured: npt.NDArray[np.int64]
    again: int

    @classmethod
    def of(cls, clips: int, favoured: Rows, *, share: float) -> "Epoch":
        """The shortest epoch of which the favoured rows are at least `share`, or as much as four visits give."""
        missing = math.ceil((share * clips - len(favoured)) / (1 - share) - 1e-9)
        again = min(max(0, missing), (MOST_VISITS - 1) * len(favoured))
        return cls(clips=clips, favoured=np.asarray(favoured, dtype=np.int64), again=again)

    @property
    def draws(self) -> int:
        """How many clips it shows, repeats counted."""
        return self.clips + self.again

    @property
    def share(self) -> float:
        """How many of those are favoured."""
        return (len(self.favoured) + self.again) / self.draws

    @property
    def most_visits(self) -> int:
        """How often it shows a clip at most."""
        return 1 + (math.ceil(self.again / len(self.favoured)) if self.again else 0)

    def order(self, generator: np.random.Generator) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """The row of every draw, and which of the epoch's visits to that row it is, from 0 on."""
        rows, visits = generator.permutation(self.clips), np.zeros(self.clips, np.uint8)
        if not self.again:
            return rows, visits
        again = np.arange(self.again)
        rows = np.concatenate([rows, generator.permutation(self.favoured)[again % len(self.favoured)]])
        visits = np.concatenate([visits, (1 + again // len(self.favoured)).astype(np.uint8)])
        order = generator.permutation(self.draws)
        return rows[order], visits[order]
