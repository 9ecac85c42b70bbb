"""The index always says what the shards say, whatever became of its parts and of them."""

import pickle
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_schema import (
    INDEX_SCHEMA,
    TABLES,
    DatasetManifest,
    Entity,
    FailedClip,
    FailureKind,
    Index,
    Outcome,
    Reason,
    RejectedClip,
    Sample,
    Scores,
    new_dataset_id,
    open_index,
    refresh_index,
    shard_paths,
    write_manifest,
    write_shard,
)
from tests.dataset_schema.golden_records import (
    GOLDEN_SAMPLES,
    GOLDEN_SHARD,
    GOLDEN_SHARD_2,
    GOLDEN_SHARD_3_0,
)
from tests.dataset_schema.index.expected_rows import Row, expected_rows
from tests.dataset_schema.test_selections import by_datasets, by_duckdb, by_large_types, by_pandas

Record = Sample | RejectedClip | FailedClip
ALL = INDEX_SCHEMA.names
MEDIA = ("media_offsets", "media_lengths")

optional_scores = st.none() | st.floats(0, 1)
scores = st.builds(
    Scores,
    desirable=optional_scores,
    shots=optional_scores,
    more=st.dictionaries(st.sampled_from(["aesthetic", "speed"]), st.floats(-1, 1)),
)


@st.composite
def entities(draw: st.DrawFn) -> tuple[Entity, ...]:
    found = []
    for entity in draw(st.permutations(GOLDEN_SAMPLES[0].entities)):
        references = tuple(
            replace(reference, is_face=draw(st.booleans())) for reference in entity.references * draw(st.integers(0, 3))
        )
        found.append(replace(entity, references=references))
    return tuple(found[: draw(st.integers(0, 2))])


@st.composite
def records(draw: st.DrawFn) -> Record:
    clip_id = f"{draw(st.integers(0, 2**64 - 1)):032x}"
    base = draw(st.sampled_from(GOLDEN_SAMPLES))
    source = draw(st.sampled_from([each.source for each in GOLDEN_SAMPLES]))
    kind = draw(st.sampled_from(list(TABLES)))
    if kind is FailedClip:
        said = {"error_type": "ClipError", "message": draw(st.text("aü%'", max_size=5))}
        return FailedClip(
            clip_id=clip_id, source=source, stage="decode", kind=draw(st.sampled_from(FailureKind)), **said
        )
    first = GOLDEN_SAMPLES[0]
    own: dict[str, Any] = {"clip_id": clip_id, "source": source, "caption": first.caption, "scores": draw(scores)}
    if kind is Sample:
        background = draw(st.sampled_from([each.background for each in GOLDEN_SAMPLES]))
        return replace(base, **own, entities=draw(entities()), background=background)
    reason = Reason(stage=draw(st.sampled_from(["decode", "content_filter"])), reason="too_dark", detail="it is dark")
    media = draw(st.sampled_from([None, first.media]))
    return RejectedClip(**own, reasons=(reason,), media=media, entities=draw(entities()))


def write(dataset: Path, some: Sequence[Record], *, run: int, rows_per_shard: int = 2) -> None:
    for kind, table in TABLES.items():
        own = [record for record in some if isinstance(record, kind)]
        for number, start in enumerate(range(0, len(own), rows_per_shard)):
            name = f"part-{run:04d}-000-{number:05d}.parquet"
            write_shard(dataset / table.folder / name, own[start : start + rows_per_shard])


def describe(dataset: Path) -> None:
    manifest = DatasetManifest(
        profile="embedded", config={}, annotators=(), funnel=(), complete=True, id=new_dataset_id()
    )
    write_manifest(dataset, manifest)


def rows(index: Index) -> list[Row]:
    found: list[Row] = index.table(ALL).to_pylist()
    return found


def without(some: Sequence[Row], *names: str) -> list[Row]:
    return [{name: value for name, value in row.items() if name not in names} for row in some]


@contextmanager
def new_dataset() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        describe(Path(folder))
        yield Path(folder)


@settings(max_examples=6, deadline=None)
@given(st.lists(records(), max_size=8), st.integers(1, 8))
def test_every_row_says_what_its_record_says(some: list[Record], rows_per_shard: int) -> None:
    with new_dataset() as dataset:
        write(dataset, some, run=1, rows_per_shard=rows_per_shard)

        read = rows(open_index(dataset))
        written = refresh_index(dataset)

        assert without(read, *MEDIA) == without(expected_rows(dataset), *MEDIA)
        assert rows(written) == read
        assert len(written.unwritten()) == 0
        assert sum(written.counts.values()) == written.num_rows == len(some)


@settings(max_examples=4, deadline=None)
@given(st.lists(records(), min_size=1, max_size=8))
def test_the_division_into_shards_changes_nothing_but_where_a_row_lies(some: list[Record]) -> None:
    with new_dataset() as one, new_dataset() as many:
        write(one, some, run=1, rows_per_shard=8)
        write(many, some, run=1, rows_per_shard=1)

        places = ("shard", "row", *MEDIA)

        assert without(rows(refresh_index(one)), *places) == without(rows(refresh_index(many)), *places)


CHANGES = st.sampled_from(["add", "delete shard", "delete part", "cut part", "flip part", "refresh", "copy index"])


@settings(max_examples=3, deadline=None)
@given(
    st.lists(st.tuples(CHANGES, st.integers(0, 10**6)), min_size=1, max_size=8),
    st.lists(records(), min_size=6, max_size=6),
)
def test_whatever_happens_to_shards_and_parts_the_index_is_that_of_the_shards(
    changes: list[tuple[str, int]], some: list[Record]
) -> None:
    with new_dataset() as dataset, new_dataset() as other:
        write(dataset, some, run=1)
        write(other, some[:3], run=1)
        refresh_index(other)
        refresh_index(dataset)
        for run, (change, number) in enumerate(changes, start=2):
            apply(change, number, dataset, other, some, run)

            assert without(rows(open_index(dataset)), *MEDIA) == without(expected_rows(dataset), *MEDIA)
        written = refresh_index(dataset)
        assert without(rows(written), *MEDIA) == without(expected_rows(dataset), *MEDIA)
        assert len(written.paths) <= 4


def apply(change: str, number: int, dataset: Path, other: Path, some: Sequence[Record], run: int) -> None:
    shards = [path for kind in TABLES for path in shard_paths(dataset, kind)]
    parts = sorted((dataset / "index").glob("*.parquet"))
    if change == "add":
        write(dataset, some[number % len(some) :], run=run)
    elif change == "refresh":
        refresh_index(dataset)
    elif change == "delete shard" and shards:
        shards[number % len(shards)].unlink()
    elif change == "copy index":
        shutil.copytree(other / "index", dataset / "index", dirs_exist_ok=True)
    elif parts:
        part = parts[number % len(parts)]
        content = bytearray(part.read_bytes())
        at = number % (len(content) or 1)
        if change == "delete part" or not content:  # one that was cut at its beginning
            part.unlink()
        elif change == "cut part":
            part.write_bytes(content[:at])
        else:
            content[at] ^= 0x5A
            part.write_bytes(content)


@pytest.mark.parametrize("shard", [GOLDEN_SHARD, GOLDEN_SHARD_3_0, GOLDEN_SHARD_2])
def test_shards_of_older_versions_are_indexed(shard: Path, tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    shutil.copy(shard, tmp_path / "samples" / "part.parquet")

    assert without(rows(open_index(tmp_path)), *MEDIA) == without(expected_rows(tmp_path), *MEDIA)


@pytest.mark.parametrize("rewrite", [by_duckdb, by_pandas, by_datasets, by_large_types])
def test_selections_of_other_tools_are_indexed_in_memory(rewrite: object, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    rewrite(GOLDEN_SHARD, tmp_path / "files" / "selected.parquet")  # type: ignore[operator]

    (row,) = rows(open_index(tmp_path / "files"))

    assert without([row], *MEDIA) == without(expected_rows(tmp_path / "files"), *MEDIA)
    assert (row["media_offsets"], row["media_lengths"]) == (None, None)
    assert rows(open_index(tmp_path / "files" / "selected.parquet")) == [row]
    with pytest.raises(FileNotFoundError, match=r"has no dataset\.json"):
        refresh_index(tmp_path / "files")


@pytest.mark.parametrize("rewrite", [by_duckdb, by_pandas, by_datasets, by_large_types])
def test_a_given_picture_is_indexed_with_its_background_whichever_tool_wrote_its_row(
    rewrite: object, tmp_path: Path
) -> None:
    write(tmp_path, [replace(GOLDEN_SAMPLES[2], scores=Scores(desirable=1.0))], run=1)
    (tmp_path / "files").mkdir()
    rewrite(shard_paths(tmp_path, Sample)[0], tmp_path / "files" / "selected.parquet")  # type: ignore[operator]

    (ours,), (theirs,) = rows(open_index(tmp_path)), rows(open_index(tmp_path / "files"))

    assert (ours["has_background"], ours["num_references"], ours["subjects"]) == (True, 1, ["dog"])
    assert without([theirs], "shard", *MEDIA) == without([ours], "shard", *MEDIA)


def test_media_are_found_by_what_the_index_says(tmp_path: Path) -> None:
    write(tmp_path, GOLDEN_SAMPLES, run=1)

    first, second, _ = rows(open_index(tmp_path))

    content = (tmp_path / first["shard"]).read_bytes()
    found = [content[at : at + size] for at, size in zip(first["media_offsets"], first["media_lengths"], strict=True)]
    entity, background = GOLDEN_SAMPLES[0].entities[0], GOLDEN_SAMPLES[0].background
    assert background is not None
    payloads = (GOLDEN_SAMPLES[0].video, *(each.image for each in entity.references), background.image)
    assert found == [payload.bytes for payload in payloads]
    assert second["media_offsets"] == [None]


def test_no_picture_and_no_video_is_read(tmp_path: Path) -> None:
    write(tmp_path, GOLDEN_SAMPLES, run=1)
    before = rows(open_index(tmp_path))
    for shard in shard_paths(tmp_path, Sample):
        wiped = bytearray(shard.read_bytes())
        group = pq.read_metadata(shard).row_group(0)
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema.endswith(".bytes"):
                end = column.data_page_offset + column.total_compressed_size
                wiped[column.data_page_offset : end] = bytes(column.total_compressed_size)
        shard.write_bytes(wiped)

    assert rows(open_index(tmp_path)) == before


def test_an_index_is_read_while_a_run_adds_shards(tmp_path: Path) -> None:
    describe(tmp_path)
    write(tmp_path, GOLDEN_SAMPLES[:1], run=1)
    reader = refresh_index(tmp_path)
    expected = rows(reader)

    for run in range(2, 9):
        write(tmp_path, GOLDEN_SAMPLES, run=run)
        refresh_index(tmp_path)

        assert rows(reader) == expected
        assert open_index(tmp_path).num_rows == 1 + 3 * (run - 1)


def test_rows_are_read_one_group_at_a_time_by_their_position(tmp_path: Path) -> None:
    describe(tmp_path)
    write(tmp_path, GOLDEN_SAMPLES, run=1)
    refresh_index(tmp_path)
    write(tmp_path, GOLDEN_SAMPLES, run=2)
    index = pickle.loads(pickle.dumps(open_index(tmp_path)))

    found = []
    for position in range(index.num_rows):
        around = index.group_at(position)
        found += index.read(around, ALL).slice(position - around.start, 1).to_pylist()

    assert found == rows(index)
    assert [row for batch in index.batches(ALL, outcome=Outcome.KEPT) for row in batch.to_pylist()] == found


def test_other_tools_query_the_index_in_one_line(tmp_path: Path) -> None:
    describe(tmp_path)
    write(tmp_path, GOLDEN_SAMPLES, run=1)
    refresh_index(tmp_path)

    kept = duckdb.execute(
        f"SELECT clip_id FROM '{tmp_path}/index/*.parquet' WHERE desirable > 0.5 AND outcome = 'kept'"
    )
    frame = pd.read_parquet(tmp_path / "index")

    assert kept.fetchall() == [(GOLDEN_SAMPLES[0].clip_id,)]
    assert list(frame["clip_id"]) == [sample.clip_id for sample in GOLDEN_SAMPLES]


def test_a_row_without_a_value_that_is_needed_is_told_with_its_clip(tmp_path: Path) -> None:
    duckdb.sql(f"COPY (SELECT * REPLACE (NULL AS entities) FROM '{GOLDEN_SHARD}') TO '{tmp_path}/a.parquet'")

    with pytest.raises(
        ValueError, match=rf"a\.parquet, clip {GOLDEN_SAMPLES[0].clip_id}: entities of a Sample is null"
    ):
        rows(open_index(tmp_path))
