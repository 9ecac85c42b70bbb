import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.execution.local import LocalExecutor
from curation.execution.writer import ShardLimits
from curation.funnel import Counts
from curation.records import Clip
from curation.stage import Resources, Stage
from dataset_schema import FailedClip, RejectedClip, read_manifest
from tests.curation.scripted_stages import (
    ForgetfulPublishStage,
    JudgeStage,
    MeasureStage,
    PublishStage,
    curate,
    make_clip,
    make_failed_clip,
    make_id,
    make_rejected_clip,
    read_tables,
    three_stages,
)

ACTIONS = st.sampled_from(["pass", "pass", "pass", "reject", "reject_twice", "clip_error", "raise", "lose", "swap"])
SCRIPTS = st.fixed_dictionaries({}, optional={"measure": ACTIONS, "judge": ACTIONS, "publish": ACTIONS})
RECORDS = st.lists(st.one_of(SCRIPTS, st.sampled_from(["unreadable", "dropped"])), max_size=12)


def make_record(number: int, script: dict[str, str] | str) -> Clip | RejectedClip | FailedClip:
    if isinstance(script, dict):
        return make_clip(number, **script)
    return make_failed_clip(number) if script == "unreadable" else make_rejected_clip(number)


@settings(max_examples=40)
@given(RECORDS, st.integers(1, 5), st.booleans())
def test_every_clip_is_kept_rejected_or_failed_exactly_once(
    scripts: list[dict[str, str] | str], batch_size: int, score_all: bool
) -> None:
    with TemporaryDirectory() as folder:
        result = curate(
            [make_record(n, script) for n, script in enumerate(scripts)],
            Path(folder),
            LocalExecutor(),
            lambda: three_stages(batch_size=batch_size),
            score_all=score_all,
        )

        tables = read_tables(Path(folder))

    assert sorted(row["clip_id"] for rows in tables.values() for row in rows) == sorted(
        map(make_id, range(len(scripts)))
    )
    assert result.counts == Counts(
        kept=len(tables["samples"]), rejected=len(tables["rejections"]), failed=len(tables["failures"])
    )
    assert result.funnel[0].entered == len(scripts)
    assert result.funnel[-1].passed == result.counts.kept


@pytest.mark.parametrize("score_all", [False, True])
def test_the_first_stage_that_rejects_decides(tmp_path: Path, score_all: bool) -> None:
    curate([make_clip(1, measure="reject_twice", judge="reject")], tmp_path, LocalExecutor(), score_all=score_all)

    (row,) = read_tables(tmp_path)["rejections"]
    assert (row["stage"], row["reason"]) == ("measure", "too_dull")
    later = [("judge", "too_dull")] if score_all else []
    assert [(reason["stage"], reason["reason"]) for reason in row["reasons"]] == [
        ("measure", "too_dull"),
        ("measure", "too_dark"),
        *later,
    ]


def test_a_rejected_clip_is_scored_by_later_stages_only_on_request(tmp_path: Path) -> None:
    for score_all in (False, True):
        curate([make_clip(1, measure="reject")], tmp_path / str(score_all), LocalExecutor(), score_all=score_all)

    scored = [read_tables(tmp_path / folder)["rejections"][0]["scores"]["desirable"] for folder in ("False", "True")]
    assert scored == [None, int(make_id(1), 16) % 100 / 100]


def test_an_error_on_a_rejected_clip_leaves_it_rejected_and_is_listed(tmp_path: Path) -> None:
    curate([make_clip(1, measure="reject", judge="clip_error")], tmp_path, LocalExecutor(), score_all=True)

    (row,) = read_tables(tmp_path)["rejections"]
    assert [(reason["stage"], reason["reason"]) for reason in row["reasons"]] == [
        ("measure", "too_dull"),
        ("judge", "corrupt_error"),
    ]


def test_a_stage_whose_inputs_a_rejected_clip_lacks_passes_it_over(tmp_path: Path) -> None:
    class BlindMeasureStage(MeasureStage):
        def add(self, clip: Clip) -> Clip:
            return replace(super().add(clip), frames=None)

    judging = JudgeStage()

    def stages() -> list[Stage]:
        return [BlindMeasureStage(), judging, PublishStage()]

    curate([make_clip(1, measure="reject")], tmp_path, LocalExecutor(), stages, score_all=True)

    assert judging.seen == []
    assert len(read_tables(tmp_path)["rejections"]) == 1


def test_a_rejected_clip_shows_what_it_looked_like(tmp_path: Path) -> None:
    curate([make_clip(1, judge="reject")], tmp_path, LocalExecutor())

    (row,) = read_tables(tmp_path)["rejections"]
    picture = Image.open(BytesIO(row["thumbnail"]["bytes"]))
    assert picture.size == (256, 144)
    red, green, blue = np.asarray(picture)[72, 128]
    assert red > 200
    assert max(green, blue) < 50
    assert row["media"]["width"] == 640


def test_a_kept_clip_without_a_sample_is_a_defect_of_the_last_stage(tmp_path: Path) -> None:
    def stages() -> list[Stage]:
        return [MeasureStage(), JudgeStage(), ForgetfulPublishStage()]

    curate([make_clip(1, publish="forget"), make_clip(2)], tmp_path, LocalExecutor(), stages)

    (row,) = read_tables(tmp_path)["failures"]
    assert (row["stage"], row["kind"]) == ("publish", "internal")
    assert "has no sample" in row["message"]


def test_records_are_read_only_as_they_are_needed(tmp_path: Path) -> None:
    read, done_when_read = [], []

    def records() -> Iterator[Clip]:
        for n in range(20):
            read.append(n)
            done_when_read.append(len(publishing.seen))
            yield make_clip(n)

    publishing = PublishStage()
    curate(records(), tmp_path, LocalExecutor(), lambda: [MeasureStage(), JudgeStage(), publishing])

    assert done_when_read == list(range(20))


def test_batches_are_as_large_as_each_stage_asks(tmp_path: Path) -> None:
    measuring, judging = MeasureStage(Resources(batch_size=2)), JudgeStage(Resources(batch_size=5))

    curate([make_clip(n) for n in range(5)], tmp_path, LocalExecutor(), lambda: [measuring, judging, PublishStage()])

    assert [len(batch) for batch in measuring.seen] == [2, 2, 1]
    assert [len(batch) for batch in judging.seen] == [5]


def test_the_dataset_says_what_became_of_its_clips(tmp_path: Path) -> None:
    result = curate([make_clip(1), make_clip(2, judge="reject")], tmp_path, LocalExecutor(), config={"fps": 24})

    manifest = read_manifest(tmp_path)
    assert manifest.complete
    assert manifest.funnel == result.funnel
    assert manifest.config == {"fps": 24}
    assert json.loads((tmp_path / "dataset.json").read_text())["funnel"][2]["rejected"] == {"too_dull": 1}


def test_the_dataset_says_how_long_each_run_took_that_wrote_some_of_it(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    curate([make_clip(1), make_clip(2, judge="reject")], tmp_path, LocalExecutor())
    curate([make_clip(1), make_clip(2, judge="reject")], tmp_path, LocalExecutor())  # has nothing to do
    curate([make_clip(number) for number in range(1, 6)], tmp_path, LocalExecutor())
    took_s = (datetime.now(UTC) - before).total_seconds()

    runs = read_manifest(tmp_path).runs

    assert [run.clips for run in runs] == [2, 3]
    assert all(0 < run.seconds < took_s for run in runs)
    assert runs[1].clips_per_s == pytest.approx(3 / runs[1].seconds)
    for run in runs:
        assert before.replace(microsecond=0) <= datetime.fromisoformat(run.started) <= datetime.now(UTC)


def test_of_a_run_that_was_stopped_nothing_is_told_and_the_one_that_goes_on_tells_of_its_own_clips(
    tmp_path: Path,
) -> None:
    def stopped_after_two() -> Iterator[Clip]:
        yield from map(make_clip, range(2))
        raise KeyboardInterrupt

    limits = ShardLimits(max_rows=1)  # what is done is on the disk at once
    with pytest.raises(KeyboardInterrupt):
        curate(stopped_after_two(), tmp_path, LocalExecutor(), limits=limits)
    done, told = len(read_tables(tmp_path)["samples"]), read_manifest(tmp_path).runs

    curate(list(map(make_clip, range(5))), tmp_path, LocalExecutor(), limits=limits)

    assert (done, told) == (2, ())
    assert [run.clips for run in read_manifest(tmp_path).runs] == [3]
