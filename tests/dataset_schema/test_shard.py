import gc
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_schema import (
    Annotator,
    DatasetManifest,
    FailedClip,
    FailureKind,
    FunnelRow,
    Payload,
    Reason,
    RejectedClip,
    Scores,
    Source,
    leaves,
    leaves_without,
    open_shard,
    read_manifest,
    read_shard,
    shard_paths,
    write_manifest,
    write_shard,
)

SOURCE = Source(id="0" * 32, uri="/videos/a.mp4")


def failure(number: int, message: str = "broken") -> FailedClip:
    return FailedClip(
        clip_id=f"{number:032x}",
        source=SOURCE,
        stage="decode",
        kind=FailureKind.CORRUPT,
        error_type="ClipError",
        message=message,
    )


@given(messages=st.lists(st.text(), min_size=1, max_size=40))
@settings(max_examples=25)
def test_write_then_read_is_identity_for_any_text(
    tmp_path_factory: pytest.TempPathFactory, messages: list[str]
) -> None:
    path = tmp_path_factory.mktemp("shard") / "part.parquet"
    records = [failure(number, text) for number, text in enumerate(messages)]

    write_shard(path, records)

    assert list(read_shard(path, FailedClip)) == records


def test_rejections_come_back_with_all_their_reasons(tmp_path: Path) -> None:
    rejected = RejectedClip(
        clip_id="a" * 32,
        source=SOURCE,
        caption="Dogs run.",
        reasons=(
            Reason(stage="entity_words", reason="plural_subject_word", detail="'Dogs'"),
            Reason(stage="single_shot_filter", reason="several_shots", detail="1.2 s"),
        ),
        scores=Scores(shot_change=0.75),
        thumbnail=Payload(bytes=b"jpeg"),
    )

    write_shard(tmp_path / "part.parquet", [rejected])

    assert list(read_shard(tmp_path / "part.parquet", RejectedClip)) == [rejected]
    row = pq.read_table(tmp_path / "part.parquet").to_pylist()[0]
    assert (row["stage"], row["reason"], row["detail"]) == ("entity_words", "plural_subject_word", "'Dogs'")


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full_disk)

    with pytest.raises(OSError, match="No space left"):
        write_shard(tmp_path / "failures" / "part.parquet", [failure(1)])

    assert list((tmp_path / "failures").iterdir()) == []


def test_an_unfinished_shard_is_not_listed(tmp_path: Path) -> None:
    write_shard(tmp_path / "failures" / "part-1.parquet", [failure(1)])
    (tmp_path / "failures" / ".part-2.parquet.77.tmp").write_bytes(b"half")

    assert [path.name for path in shard_paths(tmp_path, FailedClip)] == ["part-1.parquet"]


def test_a_shard_holds_records_of_one_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no records, expected records of one kind"):
        write_shard(tmp_path / "part.parquet", [])


def with_version(path: Path, version: str) -> Path:
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"openalchemist_schema_version": version.encode()}), path)
    return path


def test_damage_that_shows_only_when_rows_are_read_names_the_shard(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    write_shard(path, [failure(1)])
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)  # the pages, not the footer
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"part\.parquet cannot be read \(.*\); delete it and curate again"):
        list(read_shard(path, FailedClip))


@pytest.mark.parametrize(
    ("version", "remedy"), [("1", "curate it again"), ("4.0", "update openalchemist"), ("99.3", "update openalchemist")]
)
def test_another_major_version_is_refused_with_what_to_do(tmp_path: Path, version: str, remedy: str) -> None:
    write_shard(tmp_path / "part.parquet", [failure(1)])
    path = with_version(tmp_path / "part.parquet", version)

    with pytest.raises(ValueError, match=rf"part\.parquet has schema version {version}.*, expected 2 or 3; {remedy}"):
        list(read_shard(path, FailedClip))


@pytest.mark.parametrize("version", ["2", "3.0", "3.99"])
def test_a_version_that_only_adds_columns_is_read(tmp_path: Path, version: str) -> None:
    write_shard(tmp_path / "part.parquet", [failure(1)])
    path = with_version(tmp_path / "part.parquet", version)
    pq.write_table(pq.read_table(path).append_column("from_the_future", pa.array([1])), path)

    assert list(read_shard(path, FailedClip)) == [failure(1)]


def test_a_version_that_is_no_number_is_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "part.parquet", [failure(1)])
    path = with_version(tmp_path / "part.parquet", "three")

    with pytest.raises(ValueError, match=r"schema version is 'three', expected one such as 3\.5"):
        list(read_shard(path, FailedClip))


def test_a_file_that_is_no_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / "part.parquet").write_bytes(b"garbage")

    with pytest.raises(ValueError, match=r"part\.parquet cannot be read"):
        list(read_shard(tmp_path / "part.parquet", FailedClip))


def test_a_foreign_parquet_file_is_told_which_columns_it_lacks(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "stage": ["decode"]}), tmp_path / "part.parquet")

    with pytest.raises(ValueError, match=r"part\.parquet lacks clip_id, source, kind, error_type, message"):
        list(read_shard(tmp_path / "part.parquet", FailedClip))


def test_the_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = DatasetManifest(
        profile="embedded",
        config={"input": "vidéos", "decode": {"timeout_s": 1.5}},
        annotators=(Annotator(job="shots", name="TransNetV2", revision="1", weights_sha256="ab"),),
        funnel=(FunnelRow(stage="decode", entered=4, passed=1, rejected={"too_short": 2}, failed={"corrupt": 1}),),
        complete=True,
    )

    write_manifest(tmp_path, manifest)

    assert read_manifest(tmp_path) == manifest
    assert read_manifest(tmp_path).schema_version == "3.5"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]


def test_a_funnel_row_that_loses_a_clip_is_impossible() -> None:
    with pytest.raises(ValueError, match="5 clips entered and 4 left"):
        FunnelRow(stage="decode", entered=5, passed=1, rejected={"too_short": 2}, failed={"corrupt": 1})


def test_a_directory_without_a_manifest_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no dataset\.json"):
        read_manifest(tmp_path)


def test_a_manifest_of_the_version_before_is_read_and_one_of_another_is_refused(tmp_path: Path) -> None:
    manifest = DatasetManifest(profile="paper", config={}, annotators=(), funnel=(), complete=True)
    write_manifest(tmp_path, manifest)
    content = json.loads((tmp_path / "dataset.json").read_text())

    (tmp_path / "dataset.json").write_text(json.dumps({**content, "schema_version": 2, "added_later": []}))
    assert read_manifest(tmp_path).profile == "paper"

    (tmp_path / "dataset.json").write_text(json.dumps({**content, "schema_version": 1}))
    with pytest.raises(ValueError, match=r"has schema version 1\.0, expected 2 or 3; curate it again"):
        read_manifest(tmp_path)


def test_nothing_of_a_closed_shard_waits_for_a_garbage_collection(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    write_shard(path, [failure(0)])
    gc.collect()
    before = footers()
    gc.disable()
    try:
        with open_shard(path, FailedClip) as file:
            assert leaves(file, ["source.id"]) == ["source.id"]
            assert "source.id" not in leaves_without(file, ["source.id"])
        del file

        assert footers() == before
    finally:
        gc.enable()


def footers() -> int:
    return sum(type(each) is pq.FileMetaData for each in gc.get_objects())  # what only looks like one is not asked
