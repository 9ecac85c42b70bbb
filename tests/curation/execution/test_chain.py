from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from curation.execution.chain import PlannedStage, StageChain
from curation.execution.local import LocalExecutor
from curation.execution.outcomes import Record
from curation.funnel import Counts
from curation.records import Clip
from curation.stage import Resources, SplittingStage, Stage
from dataset_schema import FailedClip, FailureKind, RejectedClip
from tests.curation.scripted_stages import (
    JudgeStage,
    MeasureStage,
    PublishStage,
    SplitStage,
    clips_to_split,
    curate,
    make_clip,
    make_id,
    read_tables,
    splitting_stages,
)


def chain_of(*stages: Stage, score_all: bool = False) -> StageChain:
    return StageChain([PlannedStage(stage=stage, drops=frozenset()) for stage in stages], score_all=score_all)


def ids(records: Sequence[Record]) -> list[str]:
    return [record.clip_id for record in records]


def shots(number: int, count: int) -> list[str]:
    return [f"{make_id(number)}-shot{shot}" for shot in range(count)]


def test_a_split_clip_goes_on_as_its_parts_in_its_place() -> None:
    chain = chain_of(MeasureStage(), SplitStage(), JudgeStage())

    found = chain.run([make_clip(1), make_clip(2, split="3"), make_clip(3, split="1"), make_clip(4)])

    assert ids(found) == [make_id(1), *shots(2, 3), *shots(3, 1), make_id(4)]
    assert [type(record) for record in found] == [Clip, Clip, RejectedClip, FailedClip, Clip, Clip]
    assert {record.source.num_clips for record in found if record.source.id == make_id(2)} == {3}
    assert {record.source.id for record in found} == {make_id(n) for n in (1, 2, 3, 4)}


def test_stages_that_do_not_split_are_no_splitting_stages() -> None:
    assert isinstance(SplitStage(), SplittingStage)
    assert not isinstance(JudgeStage(), SplittingStage)


def test_parts_pass_the_later_stages_a_handful_after_the_other() -> None:
    judging, publishing = JudgeStage(Resources(batch_size=2)), PublishStage()
    drop_frames = [PlannedStage(stage=judging, drops=frozenset({"frames"}))]
    before = [PlannedStage(stage=stage, drops=frozenset()) for stage in (MeasureStage(), SplitStage())]
    after = [PlannedStage(stage=publishing, drops=frozenset())]
    stream = StageChain([*before, *drop_frames, *after], score_all=False).stream([make_clip(1, split="5")])

    first = next(stream)

    assert ids(first) == shots(1, 2)
    assert judging.seen == [shots(1, 2)]
    assert publishing.seen == [shots(1, 1)]
    assert [ids(some) for some in stream] == [shots(1, 4)[2:], shots(1, 5)[4:]]


def test_handfuls_are_filled_from_several_clips() -> None:
    judging = JudgeStage(Resources(batch_size=4))

    chain_of(MeasureStage(), SplitStage(), judging).run([make_clip(n, split="3") for n in (1, 2)])

    assert judging.seen[0] == [*shots(1, 3), *shots(2, 1)]


def test_a_clip_that_is_rejected_by_the_splitting_stage_is_not_split() -> None:
    found = chain_of(MeasureStage(), SplitStage(), JudgeStage()).run([make_clip(1, split="reject")])

    assert ids(found) == [make_id(1)]
    assert isinstance(found[0], RejectedClip)


def test_a_run_that_scores_every_clip_does_not_split_a_rejected_one() -> None:
    judging = JudgeStage()

    class PickyMeasureStage(MeasureStage):
        name = "judge_early"

    stages = (PickyMeasureStage(), SplitStage(), judging)
    found = chain_of(*stages, score_all=True).run([make_clip(1, judge_early="reject", split="3")])

    assert ids(found) == [make_id(1)]
    assert judging.seen == [[make_id(1)]]


@dataclass
class FaultySplitStage(SplitStage):
    fault: str = ""

    def split(self, clip: Clip) -> tuple[Clip, ...]:
        parts = super().split(clip)
        match self.fault:
            case "none":
                return ()
            case "same id":
                return tuple(replace(part, clip_id=clip.clip_id) for part in parts)
            case "wrong number":
                return parts[:-1]
            case _:
                return tuple(replace(part, source=replace(part.source, id=make_id(99))) for part in parts)


@pytest.mark.parametrize("fault", ["none", "same id", "wrong number", "other source"])
def test_parts_that_no_ledger_could_count_are_a_failure_of_the_clip(fault: str) -> None:
    (found,) = chain_of(MeasureStage(), FaultySplitStage(fault=fault), JudgeStage()).run([make_clip(1, split="3")])

    assert isinstance(found, FailedClip)
    assert (found.clip_id, found.source.num_clips, found.stage) == (make_id(1), 1, "split")
    assert (found.kind, found.error_type) == (FailureKind.INTERNAL, "StageContractError")


def test_an_error_while_splitting_costs_one_clip() -> None:
    found = chain_of(MeasureStage(), SplitStage(), JudgeStage()).run([make_clip(1, split="split_error"), make_clip(2)])

    assert [type(record) for record in found] == [FailedClip, Clip]


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_every_shot_is_kept_rejected_or_failed_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, batch_size: int
) -> None:
    dataset = tmp_path_factory.mktemp("dataset")
    seen: list[Counts] = []

    result = curate(
        clips_to_split(20, slow=False),
        dataset,
        LocalExecutor(),
        lambda: splitting_stages(batch_size=batch_size),
        on_progress=seen.append,
    )

    expected = [shot for n in range(20) for shot in ([make_id(n)] if n % 7 == 6 else shots(n, n % 4 + 1))]
    tables = read_tables(dataset)
    assert sorted(str(row["clip_id"]) for rows in tables.values() for row in rows) == sorted(expected)
    assert (
        result.counts
        == seen[-1]
        == Counts(kept=len(tables["samples"]), rejected=len(tables["rejections"]), failed=len(tables["failures"]))
    )
    entered = {row.stage: row.entered for row in result.funnel}
    # A clip that was split counts as its parts from the start: the funnel is read from the tables.
    assert entered == {"read": 47, "measure": 47, "split": 45, "judge": 45, "publish": len(tables["samples"])}
