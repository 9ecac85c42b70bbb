"""One measured figure, and the goal it is held against: a row of the table of `benchmarks.quality`."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of one annotator.

    Attributes:
        job: the annotator's job, as in `curation.annotators.*`.
        name: what was measured, with its unit where it has one.
        value: what came out.
        of: over how many of what, such as `31 clips`.
        goal: what it should reach; None where it only informs.
        at_most: whether the goal is an upper bound.
    """

    job: str
    name: str
    value: float
    of: str
    goal: float | None = None
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached; true where there is none."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.at_most else self.value >= self.goal


def median_figure(job: str, name: str, found: Sequence[float], *, of: str, most: float | None = None) -> Figure:
    """The median of several rounds, with the least and the greatest; `most` is its goal."""
    spread = f" ({min(found):.3g} to {max(found):.3g})" if len(found) > 1 else ""
    value = statistics.median(found)
    return Figure(job=job, name=name, value=value, of=of + spread, goal=most, at_most=most is not None)
