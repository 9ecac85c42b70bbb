import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.execution.ledger import read_ledger
from curation.execution.local import LocalExecutor
from curation.execution.lock import DatasetBusyError, held_by_writer, locked_for_run
from curation.execution.run import CurationRun, OtherConfigurationError, run_curation
from curation.funnel import Counts
from curation.records import Clip
from dataset_schema import FailedClip, FailureKind, Selection, read_manifest, shard_paths, write_manifest, write_shard
from tests.curation.execution.child_run import kill_run
from tests.curation.scripted_stages import (
    JudgeStage,
    MeasureStage,
    PublishStage,
    SplitStage,
    clips_to_split,
    curate,
    make_clip,
    make_failed_clip,
    make_id,
    make_sample,
    make_source,
    mixed_clips,
    read_tables,
    splitting_stages,
    three_stages,
)


def test_a_finished_run_does_nothing_a_second_time(tmp_path: Path) -> None:
    measuring = MeasureStage()
    first = curate(mixed_clips(10, slow=False), tmp_path, LocalExecutor())
    tables = read_tables(tmp_path)

    second = curate(
        mixed_clips(10, slow=False), tmp_path, LocalExecutor(), lambda: [measuring, JudgeStage(), PublishStage()]
    )

    assert measuring.seen == []
    assert second == first
    assert read_tables(tmp_path) == tables


def test_progress_starts_from_what_is_done(tmp_path: Path) -> None:
    curate([make_clip(n) for n in range(3)], tmp_path, LocalExecutor())
    seen: list[Counts] = []

    run = CurationRun(stages=three_stages(), output=tmp_path, profile="scripted", config={})
    run_curation([make_clip(n) for n in range(5)], run, executor=LocalExecutor(), on_progress=seen.append)

    assert [counts.read for counts in seen] == [3, 4, 5]


RUN_IN_CHILD = """
import sys
from pathlib import Path
from curation.execution.local import LocalExecutor
from tests.curation.scripted_stages import curate, mixed_clips
curate(mixed_clips(40, slow=True), Path(sys.argv[1]), LocalExecutor())
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = tmp_path_factory.mktemp("undisturbed")
    curate(mixed_clips(40, slow=True), dataset, LocalExecutor())
    return dataset


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_run_killed_at_any_moment_and_started_again_ends_like_an_undisturbed_one(
    undisturbed: Path, tmp_path: Path, seed: int
) -> None:
    disturbed = tmp_path / "disturbed"

    kill_run(RUN_IN_CHILD, disturbed, after_s=random.Random(seed).uniform(0.1, 1.8))
    assert not read_manifest(disturbed).complete
    killed = read_tables(disturbed)
    curate(mixed_clips(40, slow=True), disturbed, LocalExecutor())

    assert sum(map(len, killed.values())) < 40
    assert read_tables(disturbed) == read_tables(undisturbed)
    assert read_manifest(disturbed) == read_manifest(undisturbed)


SPLIT_IN_CHILD = """
import sys
from pathlib import Path
from curation.execution.local import LocalExecutor
from tests.curation.scripted_stages import clips_to_split, curate, splitting_stages
curate(clips_to_split(20, slow=True), Path(sys.argv[1]), LocalExecutor(), splitting_stages)
"""


@pytest.fixture(scope="module")
def undisturbed_split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = tmp_path_factory.mktemp("undisturbed_split")
    curate(clips_to_split(20, slow=True), dataset, LocalExecutor(), splitting_stages)
    return dataset


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_run_that_splits_and_is_killed_at_any_moment_ends_like_an_undisturbed_one(
    undisturbed_split: Path, tmp_path: Path, seed: int
) -> None:
    disturbed = tmp_path / "disturbed"

    kill_run(SPLIT_IN_CHILD, disturbed, after_s=random.Random(seed).uniform(0.1, 0.7))
    killed = read_tables(disturbed)
    curate(clips_to_split(20, slow=True), disturbed, LocalExecutor(), splitting_stages)

    # 1, 2, 3 and 4 shots in turn; two of the 20 videos, those of 3 and of 2 shots, are lost as a whole.
    assert sum(map(len, killed.values())) < 47
    assert sum(map(len, read_tables(disturbed).values())) == 50 - 5 + 2
    assert read_tables(disturbed) == read_tables(undisturbed_split)
    assert read_manifest(disturbed) == read_manifest(undisturbed_split)


@pytest.mark.parametrize("published", range(1, 4))
def test_a_source_killed_between_its_shots_is_completed_without_writing_a_shot_twice(
    tmp_path: Path, published: int
) -> None:
    clip = make_clip(1, split="4")
    parts = SplitStage().split(clip)
    for number, part in enumerate(parts[:published]):
        write_shard(tmp_path / "samples" / f"part-0001-000-0000{number}.parquet", [make_sample(part)])
    before = read_tables(tmp_path)["samples"]
    measuring = MeasureStage()

    result = curate([clip], tmp_path, LocalExecutor(), lambda: [measuring, SplitStage(), JudgeStage(), PublishStage()])

    tables = read_tables(tmp_path)
    assert measuring.seen == [[clip.clip_id]]
    assert result.counts.read == 4
    assert sorted(str(row["clip_id"]) for rows in tables.values() for row in rows) == [p.clip_id for p in parts]
    assert tables["samples"][:published] == before
    curate([clip], tmp_path, LocalExecutor(), lambda: [measuring, SplitStage(), JudgeStage(), PublishStage()])
    assert len(measuring.seen) == 1


def test_a_lost_shot_is_tried_again_and_the_others_stay(tmp_path: Path) -> None:
    clip = make_clip(1, split="4")
    curate([clip], tmp_path, LocalExecutor(), splitting_stages)
    first = read_tables(tmp_path)

    curate([clip], tmp_path, LocalExecutor(), splitting_stages, retry=frozenset({FailureKind.CORRUPT}))

    assert [row["clip_id"] for row in first["failures"]] == [f"{clip.clip_id}-shot2"]
    assert read_tables(tmp_path) == first


def test_a_source_is_done_only_when_all_its_clips_are_in_finished_shards(tmp_path: Path) -> None:
    whole, half = make_source(1, num_clips=2), make_source(2, num_clips=3)
    clips = [replace(make_clip(10 * s.num_clips + n), source=s) for s in (whole, half) for n in range(2)]
    write_shard(tmp_path / "samples" / "part-0001-000-00000.parquet", [make_sample(clip) for clip in clips[:3]])
    write_shard(
        tmp_path / "failures" / "part-0004-000-00000.parquet",
        [replace(make_failed_clip(1), clip_id=clips[3].clip_id, source=half)],
    )

    ledger = read_ledger(tmp_path)

    assert set(ledger.done) == {whole.id}
    assert set(ledger.published) == {clips[2].clip_id, clips[3].clip_id}
    assert ledger.next_run == 5
    assert ledger.counts == Counts(kept=3, failed=1)


def test_a_half_done_source_is_completed_without_writing_a_clip_twice(tmp_path: Path) -> None:
    source = make_source(1, num_clips=3)
    clips = [replace(make_clip(n), source=source) for n in range(3)]
    write_shard(tmp_path / "samples" / "part-0001-000-00000.parquet", [make_sample(clips[1])])

    result = curate(clips, tmp_path, LocalExecutor())

    assert [row["clip_id"] for row in read_tables(tmp_path)["samples"]] == sorted(make_id(n) for n in range(3))
    assert result.counts == Counts(kept=3)


def test_failures_of_one_kind_are_tried_again(tmp_path: Path) -> None:
    timeouts = [make_failed_clip(n, FailureKind.TIMEOUT, "measure") for n in (1, 2, 3, 4)]
    corrupt = [make_failed_clip(n, FailureKind.CORRUPT, "measure") for n in (5, 6)]
    curate([*timeouts[:3], timeouts[3], *corrupt], tmp_path, LocalExecutor())

    retried = [make_clip(n) for n in (1, 2, 3, 4, 5, 6)]
    result = curate(retried, tmp_path, LocalExecutor(), retry=frozenset({FailureKind.TIMEOUT}))

    tables = read_tables(tmp_path)
    assert [row["clip_id"] for row in tables["samples"]] == sorted(make_id(n) for n in (1, 2, 3, 4))
    assert [row["clip_id"] for row in tables["failures"]] == sorted(make_id(n) for n in (5, 6))
    assert result.counts == Counts(kept=4, failed=2)
    assert len(shard_paths(tmp_path, FailedClip)) == 1


def test_half_written_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    for folder in ("", "samples", "failures"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / ".part-0001-000-00000.parquet.77.tmp").write_bytes(b"half")

    curate([make_clip(1)], tmp_path, LocalExecutor())

    assert list(tmp_path.rglob("*.tmp")) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"filter": {"threshold": 0.6}, "fps": 24}}, r"config\.filter\.threshold was 0\.5, is 0\.6\."),
        ({"config": {"filter": {"threshold": 0.5}}}, r"config\.fps was 24, is absent\."),
        ({"profile": "paper"}, 'profile was "scripted", is "paper"'),
    ],
)
def test_another_configuration_is_refused_by_the_names_of_what_differs(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    config: dict[str, Any] = {"filter": {"threshold": 0.5}, "fps": 24}
    curate([make_clip(1)], tmp_path, LocalExecutor(), config=config)

    with pytest.raises(OtherConfigurationError, match=message):
        curate([make_clip(1)], tmp_path, LocalExecutor(), **{"config": config, **change})

    curate([make_clip(1)], tmp_path, LocalExecutor(), config=config)


def test_nothing_is_curated_into_a_selection(tmp_path: Path) -> None:
    curate([make_clip(1)], tmp_path, LocalExecutor(), config={})
    chosen = Selection(dataset="/all", where="true", kept=1, dropped=0)
    write_manifest(tmp_path, replace(read_manifest(tmp_path), selections=(chosen,)))

    with pytest.raises(OtherConfigurationError, match="was selected from /all; curate into that, and select again"):
        curate([make_clip(2)], tmp_path, LocalExecutor(), config={})


def test_another_machine_may_go_on_with_a_dataset(tmp_path: Path) -> None:
    here = {"masks": {"checkpoint": "sam", "device": {"name": "cuda", "gpus": 0.5}}, "words": {"url": "http://a/v1"}}
    there = {"masks": {"checkpoint": "sam", "device": {"name": "cpu", "gpus": 1.0}}, "words": {"url": "http://b/v1"}}
    undecisive = frozenset({"masks.device", "words.url"})
    curate([make_clip(1)], tmp_path, LocalExecutor(), config=here, undecisive=undecisive)

    result = curate([make_clip(1), make_clip(2)], tmp_path, LocalExecutor(), config=there, undecisive=undecisive)

    assert result.counts == Counts(kept=2)
    with pytest.raises(OtherConfigurationError, match=r'config\.words\.url was "http://b/v1", is "http://a/v1"'):
        curate([make_clip(1)], tmp_path, LocalExecutor(), config=here, undecisive=frozenset({"masks.device"}))


def test_two_runs_cannot_write_one_dataset(tmp_path: Path) -> None:
    with locked_for_run(tmp_path), pytest.raises(DatasetBusyError, match="is being written by another run"):
        curate([make_clip(1)], tmp_path, LocalExecutor())

    curate([make_clip(1)], tmp_path, LocalExecutor())


class MachinesNotWanted(LocalExecutor):
    """An executor that takes a minute to say what it has, as a cluster does, and must not be asked."""

    def machines(self) -> None:
        raise AssertionError("machines were asked for before all that is known without them was checked")


def test_what_is_wrong_with_the_output_is_said_before_machines_are_asked_for(tmp_path: Path) -> None:
    with (
        locked_for_run(tmp_path / "busy"),
        pytest.raises(DatasetBusyError, match="is being written by another run"),
    ):
        curate([make_clip(1)], tmp_path / "busy", MachinesNotWanted())

    curate([make_clip(1)], tmp_path / "other", LocalExecutor(), config={"fps": 24})
    with pytest.raises(OtherConfigurationError, match=r"config\.fps was 24, is 25"):
        curate([make_clip(1)], tmp_path / "other", MachinesNotWanted(), config={"fps": 25})


def test_a_run_waits_until_the_writers_of_a_killed_one_are_gone(tmp_path: Path) -> None:
    with (
        held_by_writer(tmp_path),
        pytest.raises(DatasetBusyError, match="still has writers of a run that was stopped"),
        locked_for_run(tmp_path, patience_s=0.3),
    ):
        pass

    with locked_for_run(tmp_path, patience_s=0.3):
        pass


def test_an_error_while_reading_leaves_the_dataset_incomplete_and_usable(tmp_path: Path) -> None:
    def breaking_off() -> Iterator[Clip]:
        yield make_clip(1)
        raise OSError("the manifest is gone")

    with pytest.raises(OSError, match="the manifest is gone"):
        curate(breaking_off(), tmp_path, LocalExecutor())

    assert not read_manifest(tmp_path).complete
    curate([make_clip(1), make_clip(2)], tmp_path, LocalExecutor())
    assert [row["clip_id"] for row in read_tables(tmp_path)["samples"]] == sorted([make_id(1), make_id(2)])
