"""What became of every clip, stage by stage, read from the index of a dataset: the same after any restart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_schema import FunnelRow, Index, Outcome, open_index


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many clips were kept, rejected and lost."""

    kept: int = 0
    rejected: int = 0
    failed: int = 0

    @property
    def read(self) -> int:
        """All of them: every clip is in exactly one table."""
        return self.kept + self.rejected + self.failed

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            kept=self.kept + other.kept,
            rejected=self.rejected + other.rejected,
            failed=self.failed + other.failed,
        )


def dataset_counts(dataset: Path) -> Counts:
    """How many rows the three tables have."""
    return Counts(**open_index(dataset).counts)


def dataset_funnel(dataset: Path, stages: Sequence[str]) -> tuple[FunnelRow, ...]:
    """One row per stage, in order. A rejected clip counts for the stage of its first reason.

    Raises:
        ValueError: the tables name a stage that is not among `stages`.
    """
    index = open_index(dataset)
    rejected, failed = (_count(index, outcome) for outcome in (Outcome.REJECTED, Outcome.FAILED))
    if strangers := {stage for stage, _ in (*rejected, *failed)} - set(stages):
        raise ValueError(
            f"dataset {dataset} names the stages {', '.join(sorted(strangers))}, expected only {', '.join(stages)}; "
            "it was curated by other stages"
        )
    entered = index.num_rows
    funnel = []
    for stage in stages:
        row = _row(stage, entered, rejected=_of(stage, rejected), failed=_of(stage, failed))
        funnel.append(row)
        entered = row.passed
    return tuple(funnel)


def _row(stage: str, entered: int, *, rejected: dict[str, int], failed: dict[str, int]) -> FunnelRow:
    passed = entered - sum(rejected.values()) - sum(failed.values())
    return FunnelRow(stage=stage, entered=entered, passed=passed, rejected=rejected, failed=failed)


def _of(stage: str, counts: Counter[tuple[str, str]]) -> dict[str, int]:
    """The counts of one stage, the largest first."""
    return dict(
        sorted(((code, n) for (found, code), n in counts.items() if found == stage), key=lambda c: (-c[1], c[0]))
    )


def _count(index: Index, outcome: Outcome) -> Counter[tuple[str, str]]:
    """How many clips ended at which stage, for which reason."""
    clips = index.table(["stage", "reason"], outcome=outcome)
    counted = clips.group_by(["stage", "reason"]).aggregate([([], "count_all")])
    return Counter({(each["stage"], each["reason"]): each["count_all"] for each in counted.to_pylist()})
