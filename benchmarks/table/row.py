"""A row of the table: one job, done on one input by this project and by others."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

SEED: Final = 0


class Measure(StrEnum):
    """What a goal is about."""

    CPU_RATIO = "CPU-s"  # ours / theirs
    CLOCK_RATIO = "wall"  # ours / theirs, by the clock
    CPU_S = "CPU-s in all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The most that ours should be.

    Attributes:
        why: in a few words, where the figure alone does not say it.
    """

    most: float
    of: Measure = Measure.CPU_RATIO
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way to do the job.

    Attributes:
        name: who does it; a floor says what it is the floor of.
        command: run once a round; `{run}` in it becomes the number of the run, for outputs of their own.
        environment: beside that of the table's own process.
        is_whole: the whole command counts, with its start; else the work alone.
        goal: of ours against this side; of ours itself where it is `CPU_S`.
        problem: why it cannot be run here, if it cannot.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = False
    goal: Goal | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job.

    Attributes:
        what: is done.
        on: which input.
        ours: this project's way.
        others: peers and floors.
    """

    what: str
    on: str
    ours: Side
    others: tuple[Side, ...]
    rounds: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What rows may use.

    Attributes:
        scratch: an empty folder of the row's own.
        media: real clips with their truth, if there are any.
        scale: how much of the usual amount of footage and clips; 1 for the table, less to see whether a row runs.
    """

    scratch: Path
    media: Path | None
    scale: float = 1.0

    def some(self, usual: int) -> int:
        """So many instead of the usual number."""
        return max(1, round(self.scale * usual))


# Draws the inputs of some rows, and says how to run them.
Rows: TypeAlias = Callable[[Inputs], Iterator[Row]]


def ours(where: str, *arguments: object) -> tuple[str, ...]:
    """The command that times a function of this project's environment, such as `shots:ours`, in `rows/`."""
    return (sys.executable, "-m", "benchmarks.table.timed", f"benchmarks.table.rows.{where}", *map(str, arguments))
