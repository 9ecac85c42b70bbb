"""What holds of every executor that has workers, whoever starts them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from curation.execution.executor import Executor, SourceRecord
from curation.execution.guard import StageSetupError
from curation.execution.local import LocalExecutor
from curation.funnel import Counts
from curation.stage import Resources, Stage
from tests.curation.scripted_stages import (
    JudgeStage,
    MeasureStage,
    PublishStage,
    clips_to_split,
    curate,
    make_clip,
    make_failed_clip,
    make_id,
    make_rejected_clip,
    read_tables,
)

Stages = Callable[[], list[Stage]]

SCRIPTS: list[dict[str, str]] = [
    {},
    {"measure": "reject"},
    {"judge": "reject_twice", "publish": "reject"},
    {"measure": "clip_error"},
    {"judge": "raise"},
    {"judge": "lose"},
    {"publish": "swap"},
]


class WeightlessStage(MeasureStage):
    def setup(self) -> None:
        raise OSError("weights are truncated")


def expect_the_tables_of_one_process(executor: Executor, folder: Path, stages: Stages) -> None:
    """Kept, rejected, failed and wrong rows, in a run that scores every clip."""
    records: list[SourceRecord] = [
        make_failed_clip(100),
        make_rejected_clip(101),
        *(make_clip(n, **SCRIPTS[n % len(SCRIPTS)]) for n in range(30)),
    ]

    results = [
        curate(records, folder / name, runner, stages, score_all=True)
        for name, runner in (("local", LocalExecutor()), ("workers", executor))
    ]

    assert read_tables(folder / "workers") == read_tables(folder / "local")
    assert results[0] == results[1]


def expect_whole_what_is_split(executor: Executor, folder: Path, stages: Stages) -> None:
    results = [
        curate(clips_to_split(20, slow=False), folder / name, runner, stages)
        for name, runner in (("local", LocalExecutor()), ("workers", executor))
    ]

    assert read_tables(folder / "workers") == read_tables(folder / "local")
    assert results[0].counts == results[1].counts
    assert results[0].counts.read > 40


def expect_a_crash_to_cost_one_clip(executor: Executor, folder: Path) -> None:
    scripts = {4: "crash", 9: "crash_once"}
    clips = [make_clip(n, judge=scripts.get(n, "pass")) for n in range(12)]

    def stages() -> list[Stage]:
        needs = Resources(batch_size=3)
        return [MeasureStage(needs), JudgeStage(needs, marks=folder), PublishStage(needs)]

    result = curate(clips, folder / "dataset", executor, stages)

    (failure,) = read_tables(folder / "dataset")["failures"]
    assert (failure["clip_id"], failure["stage"], failure["kind"]) == (make_id(4), "judge", "crash")
    assert result.counts == Counts(kept=11, failed=1)


def expect_the_reason_of_a_failed_setup(executor: Executor, folder: Path, stages: Stages) -> None:
    with pytest.raises(StageSetupError, match="stage measure cannot be set up: OSError: weights are truncated"):
        curate([make_clip(n) for n in range(9)], folder, executor, lambda: [WeightlessStage(), *stages()[1:]])
