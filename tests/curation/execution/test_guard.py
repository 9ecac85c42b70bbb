import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import pytest

from curation.execution.crash_log import MemoryCrashLog
from curation.execution.guard import Guard, StageError, StageSetupError, Verdict
from curation.records import Clip
from curation.stage import Resources
from dataset_schema import FailureKind, Reason
from tests.curation.scripted_stages import JudgeStage, MeasureStage, ScriptedStage, make_clip, make_id


def judge(stage: ScriptedStage, clips: list[Clip]) -> list[Verdict | StageError]:
    guard = Guard(stage)
    try:
        return guard.judge(clips)
    finally:
        guard.close()


def kinds(answers: list[Verdict | StageError]) -> list[FailureKind | None]:
    return [answer.kind if isinstance(answer, StageError) else None for answer in answers]


def test_scores_and_decides_every_clip_in_order() -> None:
    answers = judge(MeasureStage(), [make_clip(1), make_clip(2, measure="reject"), make_clip(3)])

    assert [answer.clip.clip_id for answer in answers if isinstance(answer, Verdict)] == [make_id(n) for n in (1, 2, 3)]
    assert [len(answer.reasons) for answer in answers if isinstance(answer, Verdict)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("fault", "kind", "error_type"),
    [
        ("clip_error", FailureKind.CORRUPT, "ClipError"),
        ("raise", FailureKind.INTERNAL, "KeyError"),
        ("memory", FailureKind.MEMORY, "MemoryError"),
        ("lose", FailureKind.INTERNAL, "StageContractError"),
        ("swap", FailureKind.INTERNAL, "StageContractError"),
    ],
)
def test_a_failing_batch_costs_only_the_bad_clip(fault: str, kind: FailureKind, error_type: str) -> None:
    clips = [make_clip(n, measure=fault if n == 5 else "pass") for n in range(8)]

    answers = judge(MeasureStage(), clips)

    assert kinds(answers) == [kind if n == 5 else None for n in range(8)]
    assert isinstance(error := answers[5], StageError)
    assert error.error_type == error_type


def test_a_bad_clip_is_found_by_halving() -> None:
    stage = MeasureStage()

    judge(stage, [make_clip(n, measure="raise" if n == 0 else "pass") for n in range(64)])

    assert len(stage.seen) == 1 + 2 * 6  # the whole, then both halves of the bad half, six times


def test_a_stage_that_reorders_clips_is_found_out() -> None:
    class ReversingStage(MeasureStage):
        def score(self, clips: Sequence[Clip]) -> list[Clip]:
            return super().score(clips)[::-1]

    answers = judge(ReversingStage(), [make_clip(1), make_clip(2)])

    assert [answer.clip.clip_id for answer in answers if isinstance(answer, Verdict)] == [make_id(1), make_id(2)]


def test_a_stage_that_leaves_out_a_score_it_promises_is_found_out() -> None:
    class ForgetfulStage(MeasureStage):
        adds: ClassVar[frozenset[str]] = MeasureStage.adds | {"sharpness", "desirable"}

        def add(self, clip: Clip) -> Clip:
            scored = super().add(clip).with_scores(sharpness=1.0)
            return scored if clip.clip_id == make_id(2) else scored.with_scores(desirable=0.5)

    kept, forgotten = judge(ForgetfulStage(), [make_clip(1), make_clip(2)])

    assert isinstance(kept, Verdict)
    assert isinstance(forgotten, StageError)
    assert (forgotten.kind, forgotten.error_type) == (FailureKind.INTERNAL, "StageContractError")
    assert f"left clip {make_id(2)} without desirable, expected every score that it adds" in forgotten.message


def test_a_stage_may_not_touch_the_reasons_of_earlier_stages() -> None:
    class ForgivingStage(MeasureStage):
        def add(self, clip: Clip) -> Clip:
            return replace(super().add(clip), reasons=())

    rejected = replace(make_clip(1), reasons=(Reason(stage="read", reason="too_dull", detail=""),))

    assert kinds(judge(ForgivingStage(), [rejected])) == [FailureKind.INTERNAL]


def test_a_hanging_clip_costs_only_itself_and_the_stage_is_set_up_anew() -> None:
    stage = MeasureStage(Resources(timeout_s=0.2))
    guard = Guard(stage)

    answers = guard.judge([make_clip(n, measure="hang" if n == 1 else "pass") for n in range(4)])

    assert kinds(answers) == [None, FailureKind.TIMEOUT, None, None]
    assert guard.stage is not stage
    guard.close()


def test_every_call_of_a_stage_comes_from_the_same_thread() -> None:
    import threading

    threads: set[int] = set()

    class ThreadStage(MeasureStage):
        def setup(self) -> None:
            threads.add(threading.get_ident())

        close = setup

        def add(self, clip: Clip) -> Clip:
            threads.add(threading.get_ident())
            return super().add(clip)

    guard = Guard(ThreadStage())
    guard.judge([make_clip(1)])
    guard.judge([make_clip(2, measure="raise")])
    guard.close()

    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_a_stage_is_set_up_once_and_closed_once() -> None:
    stage = MeasureStage()
    guard = Guard(stage)

    guard.judge([make_clip(1)])
    guard.judge([make_clip(2)])
    guard.close()
    guard.close()

    assert stage.setups == ["setup", "close"]


def test_a_stage_that_cannot_be_set_up_ends_the_run() -> None:
    class WeightlessStage(MeasureStage):
        def setup(self) -> None:
            raise OSError("weights.safetensors is truncated")

    with pytest.raises(StageSetupError, match=r"stage measure cannot be set up: OSError: weights\.safetensors"):
        judge(WeightlessStage(), [make_clip(1)])


def test_a_defect_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        judge(MeasureStage(), [make_clip(1, measure="raise"), make_clip(2, measure="clip_error")])

    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


def test_a_clip_that_was_in_two_dying_workers_is_given_up_and_its_neighbours_are_not() -> None:
    log = MemoryCrashLog()
    clips = [make_clip(n) for n in range(3)]
    log.begin("judge", [clip.clip_id for clip in clips])  # the worker dies on the batch
    log.begin("judge", [clips[1].clip_id])  # and again on one of them alone
    frames_added = [clip for clip in judge(MeasureStage(), clips) if isinstance(clip, Verdict)]

    guard = Guard(JudgeStage(), crash_log=log)
    answers = guard.judge([verdict.clip for verdict in frames_added])
    guard.close()

    assert kinds(answers) == [None, FailureKind.CRASH, None]


@pytest.mark.parametrize(
    ("error", "is_defect"), [(TypeError("no such argument"), True), (FileNotFoundError("no weights in x"), False)]
)
def test_a_defect_in_setup_leaves_its_traceback_and_missing_weights_only_their_sentence(
    error: Exception, is_defect: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenStage(MeasureStage):
        def setup(self) -> None:
            raise error

    with pytest.raises(StageSetupError, match=f"stage measure cannot be set up: {type(error).__name__}: {error}"):
        judge(BrokenStage(), [make_clip(1)])

    assert ("Traceback" in caplog.text) is is_defect


def test_a_worker_that_dies_in_setup_twice_ends_the_run() -> None:
    log = MemoryCrashLog()
    for _ in range(2):
        log.begin("setup of measure", ["worker-7"])

    with pytest.raises(StageSetupError, match="killed its worker process 2 times"):
        Guard(MeasureStage(), crash_log=log, worker="worker-7").judge([make_clip(1)])


def test_the_crash_log_forgets_what_ended_well() -> None:
    log = MemoryCrashLog()

    for _ in range(5):
        assert log.begin("judge", ["a", "b"]) == [0, 0]
        log.end("judge", ["a", "b"])
