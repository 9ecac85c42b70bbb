"""What became of every clip, stage by stage, read from the index of a dataset: the same after any restart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dataset_schema import FailedClip, FunnelRow, Index, Kind, Outcome, RejectedClip, Sample, open_index
from storage.address import Place


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


@dataclass(kw_only=True)
class Ends:
    """How clips ended, counted as they come: `rejected` by stage and first reason, `failed` by stage and kind."""

    kept: int = 0
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def counts(self) -> Counts:
        """How many of each."""
        return Counts(kept=self.kept, rejected=self.rejected.total(), failed=self.failed.total())

    def add(self, clip: Sample | RejectedClip | FailedClip) -> None:
        """Count one clip."""
        match clip:
            case Sample():
                self.kept += 1
            case RejectedClip():
                self.rejected[clip.reasons[0].stage, clip.reasons[0].reason] += 1
            case FailedClip():
                self.failed[clip.stage, clip.kind] += 1

    def add_rows(self, kind: Kind, rows: pa.Table) -> None:
        """Count the clips of a part of a table."""
        if kind is Sample:
            self.kept += len(rows)
            return
        counts, code = (self.rejected, "reason") if kind is RejectedClip else (self.failed, "kind")
        counts.update(zip(rows["stage"].to_pylist(), rows[code].to_pylist(), strict=True))

    def funnel(self, dataset: Place, stages: Sequence[str]) -> tuple[FunnelRow, ...]:
        """The funnel of a dataset of these clips, as `dataset_funnel` reads it from one.

        Raises:
            ValueError: a clip ended at a stage that is not among `stages`.
        """
        return funnel_of(dataset, stages, kept=self.kept, rejected=self.rejected, failed=self.failed)


def dataset_counts(dataset: Place) -> Counts:
    """How many rows the three tables have."""
    return index_counts(open_index(dataset))


def index_counts(index: Index) -> Counts:
    """How many rows of each table an index has."""
    return Counts(**{outcome.value: count for outcome, count in index.counts.items()})


def dataset_funnel(dataset: Place, stages: Sequence[str]) -> tuple[FunnelRow, ...]:
    """One row per stage, in order. A rejected clip counts for the stage of its first reason.

    Raises:
        ValueError: the tables name a stage that is not among `stages`.
    """
    index = open_index(dataset)
    rejected, failed = (_count(index, outcome) for outcome in (Outcome.REJECTED, Outcome.FAILED))
    return funnel_of(dataset, stages, kept=index.counts[Outcome.KEPT], rejected=rejected, failed=failed)


def funnel_of(
    dataset: Place,
    stages: Sequence[str],
    *,
    kept: int,
    rejected: Counter[tuple[str, str]],
    failed: Counter[tuple[str, str]],
) -> tuple[FunnelRow, ...]:
    """The funnel of counts by stage and code.

    Raises:
        ValueError: they name a stage that is not among `stages`.
    """
    if strangers := {stage for stage, _ in (*rejected, *failed)} - set(stages):
        raise ValueError(
            f"dataset {dataset} names the stages {', '.join(sorted(strangers))}, expected only {', '.join(stages)}; "
            "it was curated by other stages"
        )
    entered = kept + rejected.total() + failed.total()
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
