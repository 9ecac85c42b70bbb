"""What became of every clip, stage by stage, read from the tables of a dataset: the same after any restart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_schema import FailedClip, FunnelRow, RejectedClip, Sample, open_shard, shard_paths


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
    return Counts(
        kept=_num_rows(dataset, Sample),
        rejected=_num_rows(dataset, RejectedClip),
        failed=_num_rows(dataset, FailedClip),
    )


def dataset_funnel(dataset: Path, stages: Sequence[str]) -> tuple[FunnelRow, ...]:
    """One row per stage, in order. A rejected clip counts for the stage of its first reason.

    Raises:
        ValueError: the tables name a stage that is not among `stages`.
    """
    rejected = _count(dataset, RejectedClip, "reason")
    failed = _count(dataset, FailedClip, "kind")
    return funnel_of(dataset, stages, kept=_num_rows(dataset, Sample), rejected=rejected, failed=failed)


def funnel_of(
    dataset: Path,
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


def _count(dataset: Path, kind: type[RejectedClip | FailedClip], code: str) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for path in shard_paths(dataset, kind):
        with open_shard(path, kind) as file:
            columns = file.read(columns=["stage", code])
        counts.update(zip(columns["stage"].to_pylist(), columns[code].to_pylist(), strict=True))
    return counts


def _num_rows(dataset: Path, kind: type[Sample | RejectedClip | FailedClip]) -> int:
    total = 0
    for path in shard_paths(dataset, kind):
        with open_shard(path, kind) as file:
            total += file.metadata.num_rows
    return total
