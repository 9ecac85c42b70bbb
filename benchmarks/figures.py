"""One measured figure, and the goal it is held against: a row of the table of `benchmarks.quality`."""

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
