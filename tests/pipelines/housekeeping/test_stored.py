"""A dataset in a store is looked after as one on a disk: the same answers, the same rows, and nothing left over."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from curation.execution.lock import locked_for_run
from curation.execution.writer import ShardLimits
from curation.funnel import Counts
from dataset_schema import (
    TABLES,
    Payload,
    RejectedClip,
    Sample,
    Source,
    open_index,
    read_manifest,
    read_shard,
    refresh_index,
    shard_paths,
    write_shard_of_tables,
)
from pipelines import whole_dataset
from pipelines.__main__ import main
from pipelines.housekeeping import compacting
from pipelines.housekeeping.compacting import Compacted, compact
from pipelines.housekeeping.comparing import compare
from pipelines.housekeeping.forgetting import forget as forgetting
from pipelines.housekeeping.forgetting.asking import Asked, By
from pipelines.housekeeping.merging import merge
from pipelines.housekeeping.validation.validate import validate
from pipelines.queried_shards import queried
from pipelines.selection import select
from storage.address import Address, Place
from storage.bucket import Bucket
from tests.object_store import Killed, Proxy, bucket, killed, proxy, session_proxy, store_url, upload
from tests.pipelines.housekeeping.conftest import Tables, name_of, write_dataset

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

LONG_ENOUGH = "num_frames >= 20 AND clip_id <> (SELECT min(clip_id) FROM samples)"


def rows(dataset: Place) -> list[Any]:
    """Every row, table by table, in order."""
    return [record for kind in TABLES for path in shard_paths(dataset, kind) for record in read_shard(path, kind)]


def names(dataset: Place) -> set[str]:
    """What lies in a dataset, but its locks."""
    found = (path for path in dataset.rglob("*") if isinstance(path, Address) or path.is_file())
    return {str(path).removeprefix(f"{dataset}/") for path in found if path.suffix != ".lock"}


@pytest.fixture
def stored(dataset: Path, bucket: str) -> Address:
    """The dataset of every test here, in a store."""
    return upload(dataset, Address(f"{bucket}/a set"))


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a minute for the dead."""
    for module in (whole_dataset, compacting, forgetting):
        monkeypatch.setattr(module, "locked_for_run", partial(locked_for_run, lease_s=0.3))


def test_opening_asks_as_often_whatever_the_number_of_shards(
    bucket: str, proxy: Proxy, tmp_path: Path, rejected_clip: RejectedClip
) -> None:
    asked = []
    for count in (2, 12):
        tables = {name_of("rejections", number): [rejected_clip] for number in range(count)}
        address = upload(write_dataset(tmp_path / str(count), tables), Address(f"{bucket}/{count}"))
        proxy.plan(0, 0)

        assert open_index(address).num_rows == count
        asked.append(dict(proxy.seen))

    assert asked[0] == asked[1]
    assert sum(asked[0].values()) == 12
    assert asked[0]["HEAD"] == 1  # of the index


def test_an_index_is_written_into_a_store(
    dataset: Path, stored: Address, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    (stored / "index" / "part-00001.parquet").unlink()
    proxy.plan(4, seed=1)

    assert main(["index", "--dataset", str(stored)]) == 0

    proxy.plan(0, 0)
    assert "rows 6 = kept 4 + rejected 1 + failed 1   parts 1" in capsys.readouterr().out
    index = open_index(stored)
    assert len(index.unwritten()) == 0
    assert index.table(["clip_id", "row"]).equals(open_index(dataset).table(["clip_id", "row"]))
    assert names(stored) == names(dataset)


def flip(path: Place, at: int) -> bytes:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    return bytes(content)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_same_is_found_in_a_store_as_on_a_disk(dataset: Path, stored: Address, workers: int) -> None:
    assert validate(stored, workers=workers) == validate(dataset, workers=workers)
    damaged = name_of("samples", 1)
    content = flip(dataset / damaged, (dataset / damaged).stat().st_size // 2)
    for place in (dataset, stored):
        write_bytes(place / damaged, content)
        write_bytes(place / "samples" / "notes.txt", b"mine")
        write_bytes(place / "index" / "part-00001.parquet", flip(place / "index" / "part-00001.parquet", 2000))

    found = validate(stored, workers=workers)

    assert {finding.where for finding in found.findings} >= {damaged, "samples/notes.txt"}
    assert found.looked_at == validate(dataset, workers=workers).looked_at
    assert [replace(each, found="") for each in found.findings] == [
        replace(each, found="") for each in validate(dataset, workers=workers).findings
    ]


def write_bytes(place: Place, content: bytes) -> None:
    if isinstance(place, Address):
        place.bucket.put(place.key, content)
    else:
        place.write_bytes(content)


def test_a_video_beside_the_shards_of_a_dataset_in_a_store_is_looked_at(
    dataset: Path, tmp_path: Path, bucket: str
) -> None:
    sample = next(iter(read_shard(dataset / name_of("samples"), Sample)))
    assert sample.video.bytes is not None
    beside = replace(sample, video=Payload(path="videos/a.mp4"))
    longer = replace(beside, clip_id="ab" * 8, source=replace(sample.source, id="other"), num_frames=99)
    address = upload(write_dataset(tmp_path / "beside", {name_of("samples"): [beside, longer]}), Address(f"{bucket}/b"))
    write_bytes(address / "videos" / "a.mp4", sample.video.bytes)

    (found,) = validate(address).findings

    assert (found.row, found.found, found.expected) == (1, f"it has {sample.num_frames} frames", "99")


def test_a_dataset_on_a_disk_and_its_copy_in_a_store_do_not_differ(dataset: Path, stored: Address) -> None:
    assert compare(dataset, stored).is_none
    assert main(["diff", str(stored), str(dataset)]) == 0


@pytest.mark.parametrize(("from_store", "to_store", "every"), [(True, True, 4), (True, False, 0), (False, True, 0)])
def test_what_is_selected_is_what_would_be_on_a_disk(
    dataset: Path,
    stored: Address,
    bucket: str,
    proxy: Proxy,
    tmp_path: Path,
    from_store: bool,
    to_store: bool,
    every: int,
) -> None:
    output: Place = Address(f"{bucket}/some") if to_store else tmp_path / "some"
    source: Place = stored if from_store else dataset
    proxy.plan(every, seed=3)

    counts = select(source, LONG_ENOUGH, output)

    proxy.plan(0, 0)
    assert counts == select(dataset, LONG_ENOUGH, tmp_path / "expected") == Counts(kept=3, rejected=2, failed=1)
    assert rows(output) == rows(tmp_path / "expected")
    assert names(output) == names(tmp_path / "expected")
    head, expected = read_manifest(output), read_manifest(tmp_path / "expected")
    assert head.selections[0].dataset == str(source)
    assert replace(head, selections=()) == replace(expected, selections=())
    assert len(open_index(output).unwritten()) == 0


def test_a_condition_is_asked_of_a_store_without_its_videos(
    bucket: str, proxy: Proxy, tmp_path: Path, make_sample: Callable[[int], Sample]
) -> None:
    large = [replace(make_sample(n), video=Payload(bytes=bytes([n]) * (1 << 21))) for n in (0, 2)]
    stored = upload(write_dataset(tmp_path / "large", {name_of("samples"): large}), Address(f"{bucket}/large"))
    proxy.plan(0, 0)

    with pytest.raises(ValueError, match=r"no sample of .* fulfils num_frames > 1000"):
        select(stored, "num_frames > 1000", Address(f"{bucket}/none"))

    assert proxy.served_bytes < 1 << 20


def test_a_store_that_fails_is_no_wrong_condition(stored: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "the credentials in the environment do not allow this", "s3://a/key")

    def ask_a_store_that_refuses_from_now_on() -> None:
        with duckdb.connect() as database, queried(database, shard_paths(stored, Sample)) as files:
            table = database.read_parquet(files)
            monkeypatch.setattr(Bucket, "read_part", refuse)
            table.fetchall()

    with pytest.raises(PermissionError, match="do not allow this"):
        ask_a_store_that_refuses_from_now_on()


def test_a_wrong_condition_and_an_address_that_is_taken_are_one_sentence_each(
    stored: Address, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--dataset", str(stored), "--output"]

    assert main(["select", *where, f"{bucket}/b", "--where", "desirable > 0"]) == 2
    assert 'column "desirable" not found' in capsys.readouterr().err
    assert names(Address(f"{bucket}/b")) == set()
    assert main(["select", *where, str(stored)]) == 2
    assert "exists; a selection is written whole, name a new address" in capsys.readouterr().err


def test_one_file_of_another_tool_in_a_store_becomes_a_dataset(dataset: Path, stored: Address, bucket: str) -> None:
    """As the sentence about row groups that are too large tells people to."""
    shard = name_of("samples")

    assert main(["select", "--dataset", str(stored / shard), "--output", f"{bucket}/own"]) == 0

    assert rows(Address(f"{bucket}/own")) == list(read_shard(dataset / shard, Sample))


@pytest.mark.slow
@pytest.mark.parametrize("merges", [False, True])
def test_a_whole_dataset_is_not_seen_before_its_end_and_what_the_killed_left_is_removed(
    stored: Address, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short_leases: None, merges: bool
) -> None:
    output = Address(f"{bucket}/whole")
    other = write_dataset(tmp_path / "other", {})

    def write(into: Place) -> None:
        if merges:
            merge([stored, other], into)
        else:
            select(stored, LONG_ENOUGH, into)

    write(tmp_path / "expected")
    for after in range(1, 30):
        try:
            with killed(monkeypatch, after=after):
                write(output)
        except Killed:
            assert rows(output) in ([], rows(tmp_path / "expected"))
            if rows(output):
                break
        else:
            break
    assert after > 5
    if not rows(output):
        write(output)
    assert rows(output) == rows(tmp_path / "expected")
    refresh_index(output)  # all that one who was killed after it can lack, but for the card
    assert names(output) | {"README.md"} == names(tmp_path / "expected")


def test_few_shards_of_many_in_a_store_that_refuses_some_requests(
    bucket: str, proxy: Proxy, tmp_path: Path, rejected_clip: RejectedClip
) -> None:
    clips = [replace(rejected_clip, clip_id=f"{number:016x}") for number in (4, 2, 6, 1, 5, 3, 7)]
    tables = {name_of("rejections", number): [clip] for number, clip in enumerate(clips)}
    many = write_dataset(tmp_path / "many", tables)
    address = upload(many, Address(f"{bucket}/many"))
    limits = ShardLimits(max_rows=3)
    proxy.plan(4, seed=2)

    assert compact(address, limits=limits) == Compacted(before=7, after=3, rows=7)

    assert compact(address, limits=limits) is None
    proxy.plan(0, 0)
    compact(many, limits=limits)
    assert rows(address) == rows(many) == clips
    assert names(address) == names(many)
    assert compare(address, many).is_none
    assert read_manifest(address) == read_manifest(many)


@pytest.mark.slow
def test_whoever_is_killed_while_a_store_is_compacted_leaves_the_dataset(
    stored: Address, monkeypatch: pytest.MonkeyPatch, short_leases: None
) -> None:
    before = rows(stored)
    for after in range(1, 30):
        try:
            with killed(monkeypatch, after=after):
                compact(stored)
        except Killed:
            assert rows(stored) == before
        else:
            break

    compact(stored)
    assert after > 4
    assert rows(stored) == before
    assert validate(stored).findings == []
    assert len(shard_paths(stored, Sample)) == 1


def test_datasets_on_a_disk_and_in_a_store_are_merged(
    stored: Address, tables: Tables, bucket: str, proxy: Proxy, tmp_path: Path
) -> None:
    samples: Sequence[Any] = tables[name_of("samples")]
    late = [replace(samples[0], clip_id="ab" * 8, source=replace(samples[0].source, id="late")), samples[1]]
    other = write_dataset(tmp_path / "other", {name_of("samples"): late})
    output = Address(f"{bucket}/both")
    proxy.plan(4, seed=5)

    assert main(["merge", str(stored), str(other), "--output", str(output)]) == 0

    proxy.plan(0, 0)
    assert rows(output) == [*rows(stored)[:4], late[0], *rows(stored)[4:]]
    assert [each.dataset for each in read_manifest(output).merged_from] == [str(stored), str(other)]
    assert validate(output).findings == []


def test_a_dataset_in_a_store_that_is_being_written_is_busy(stored: Address, bucket: str) -> None:
    with locked_for_run(stored, lease_s=1.0):
        assert main(["compact", "--dataset", str(stored)]) == 75
        assert main(["index", "--dataset", str(stored)]) == 75
    with locked_for_run(Address(f"{bucket}/new"), lease_s=1.0):
        assert main(["select", "--dataset", str(stored), "--output", f"{bucket}/new"]) == 75


def test_a_holder_that_lost_its_store_stops_before_its_next_shard(
    stored: Address, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process took the lease, and writes: two of them would overwrite one another."""
    writes = write_shard_of_tables

    def lose(path: Place, kind: Any, tables: Sequence[Any]) -> None:
        writes(path, kind, tables)
        (stored / ".run.lock").bucket.put((stored / ".run.lock").key, b"{}")

    monkeypatch.setattr("curation.execution.table_writer.write_shard_of_tables", lose)
    before = rows(stored)

    assert main(["compact", "--dataset", str(stored)]) == 75
    assert rows(stored) == before


@pytest.mark.usefixtures("short_leases")
def test_a_source_is_forgotten_in_a_store_as_on_a_disk_and_killed_in_its_midst_by_the_next_try(
    tables: Tables, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = tables[name_of("samples")]
    gone = replace(some[0], clip_id="dead" * 8, source=Source(id="beef" * 8, uri="/videos/of a person.mp4"))
    dataset = write_dataset(tmp_path / "dataset", {**tables, name_of("samples"): [gone, *some[1:]]})
    asked = Asked(by=By.SOURCE, value=gone.source.uri)
    moments = (1, 4, 8, 12, 100)
    stored = {after: upload(dataset, Address(f"{bucket}/{after}/a set")) for after in moments}
    assert forgetting.forget(dataset, asked) is not None
    died = []

    for after, address in stored.items():
        try:
            with killed(monkeypatch, after=after):
                done = forgetting.forget(address, asked)
        except (Killed, OSError):
            died.append(after)
            done = forgetting.forget(address, asked)

        assert done is not None
        assert done.left == []
        assert rows(address) == rows(dataset)
        assert names(address) == names(dataset)
        assert gone.clip_id.encode() not in b"".join(path.read_bytes() for path in address.rglob("*.json*"))

    assert died == [1, 4, 8, 12]
