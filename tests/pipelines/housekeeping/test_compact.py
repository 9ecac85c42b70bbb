"""Few shards of many: the same rows in the same order, all at once or not at all."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.execution.ledger import read_ledger
from curation.execution.lock import locked_for_run
from curation.execution.writer import ShardLimits
from dataset_schema import (
    SCHEMA_VERSION,
    TABLES,
    RejectedClip,
    Sample,
    media_places,
    open_index,
    read_manifest,
    read_shard,
    shard_paths,
    write_manifest,
    write_shard,
)
from pipelines.__main__ import main
from pipelines.housekeeping.compacting import Compacted, compact
from pipelines.housekeeping.validation.validate import validate
from tests.dataset_schema.golden_records import (
    GOLDEN_SAMPLES_2,
    GOLDEN_SAMPLES_3_0,
    GOLDEN_SHARD_2,
    GOLDEN_SHARD_3_0,
)
from tests.pipelines.housekeeping.conftest import name_of, write_dataset


def rows(dataset: Path) -> list[object]:
    return [record for kind in TABLES for path in shard_paths(dataset, kind) for record in read_shard(path, kind)]


def files(dataset: Path) -> dict[str, tuple[int, int]]:
    """Every file with its inode and its time of change; locks are taken, not written."""
    found = (path for path in dataset.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


@pytest.fixture
def many(tmp_path: Path, rejected_clip: RejectedClip) -> Path:
    """Seven shards of one rejected clip each."""
    clips = [replace(rejected_clip, clip_id=f"{number:016x}") for number in (4, 2, 6, 1, 5, 3, 7)]
    return write_dataset(
        tmp_path / "many", {name_of("rejections", number): [clip] for number, clip in enumerate(clips)}
    )


def test_the_rows_stay_as_they_are_in_their_order_in_all_three_tables(dataset: Path) -> None:
    before = rows(dataset)

    done = compact(dataset)

    assert done == Compacted(before=2, after=1, rows=4)
    assert rows(dataset) == before
    assert [path.name for path in shard_paths(dataset, Sample)] == ["part-0002-000-00000.parquet"]
    assert validate(dataset).findings == []
    assert open_index(dataset).shards[0].path.name == "part-0002-000-00000.parquet"


def test_what_is_compact_already_is_left_alone(many: Path) -> None:
    assert compact(many, limits=ShardLimits(max_rows=3)) == Compacted(before=7, after=3, rows=7)
    before = files(many)

    assert compact(many, limits=ShardLimits(max_rows=3)) is None
    assert files(many) == before


def test_full_shards_before_the_first_small_one_are_not_written_again(many: Path, rejected_clip: RejectedClip) -> None:
    compact(many, limits=ShardLimits(max_rows=3))
    late = [replace(rejected_clip, clip_id=f"{number:016x}") for number in (9, 8)]
    for number, clip in enumerate(late):
        write_shard(many / name_of("rejections", number, run=3), [clip])
    before = rows(many)

    assert compact(many, limits=ShardLimits(max_rows=3)) == Compacted(before=3, after=1, rows=3)
    assert rows(many) == before
    assert [path.name[5:9] for path in shard_paths(many, RejectedClip)] == ["0002", "0002", "0004"]


@pytest.mark.parametrize(
    ("shard", "samples", "version"),
    [(GOLDEN_SHARD_2, GOLDEN_SAMPLES_2, "2"), (GOLDEN_SHARD_3_0, GOLDEN_SAMPLES_3_0, "3.0")],
)
def test_a_dataset_of_an_older_version_becomes_one_of_the_present(
    shard: Path, samples: tuple[Sample, ...], version: str, tmp_path: Path
) -> None:
    old = write_dataset(tmp_path / "old", {})
    (old / "samples").mkdir()
    (old / "samples" / "part-0001-000-00000.parquet").write_bytes(shard.read_bytes())
    write_manifest(old, replace(read_manifest(old), schema_version=version))

    compact(old)

    assert rows(old) == list(samples)
    assert read_manifest(old).schema_version == str(SCHEMA_VERSION)
    (path,) = shard_paths(old, Sample)
    with pq.ParquetFile(path) as file:
        assert media_places(file) is not None


def test_the_sources_stay_done(dataset: Path) -> None:
    before = read_ledger(dataset)

    compact(dataset)

    after = read_ledger(dataset)
    assert (after.done, after.published, after.counts) == (before.done, before.published, before.counts)


def test_an_error_on_the_way_changes_nothing(
    many: Path, rejected_clip: RejectedClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(many)
    last = shard_paths(many, RejectedClip)[-1]
    whole = last.read_bytes()
    last.write_bytes(whole[:-9])
    with pytest.raises(ValueError, match="cannot be read"):
        compact(many)
    last.write_bytes(whole)

    assert rows(many) == before
    assert compact(many) == Compacted(before=7, after=1, rows=7)
    assert rows(many) == before
    assert len(list((many / "rejections").iterdir())) == 1


def test_a_dataset_that_is_being_written_is_busy(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked_for_run(dataset):
        assert main(["compact", "--dataset", str(dataset)]) == 75

    assert "is being written by another run" in capsys.readouterr().err


def test_what_is_no_dataset_is_refused_and_not_made(tmp_path: Path) -> None:
    assert main(["compact", "--dataset", str(tmp_path / "none")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_did(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(["compact", "--dataset", str(dataset)]) for _ in range(2)] == [0, 0]

    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("2 shards became 1, 4 rows in the newest layout")
    assert second.endswith("there is nothing to do")
