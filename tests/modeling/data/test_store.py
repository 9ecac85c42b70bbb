import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_schema import (
    Bucket,
    DatasetManifest,
    Sample,
    read_shard,
    refresh_index,
    shard_paths,
    write_manifest,
    write_shard,
)
from dataset_schema.arrow import VERSION_KEY
from modeling.data.store import SampleStore
from modeling.data.training_sample import TrainingSample

SMALL, LONG = Bucket(5, 32, 48), Bucket(9, 32, 48)
MakeDataset = Callable[..., Path]


def test_every_row_of_every_shard_is_found_in_every_bucket_that_it_fills(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 20, LONG: 3}, rows_per_shard=9)

    store = SampleStore(dataset)

    assert store.clips_per_bucket() == {SMALL: 23, LONG: 3}
    written = [sample for path in shard_paths(dataset, Sample) for sample in read_shard(path, Sample)]
    for bucket, curated_for in ((SMALL, {str(SMALL), str(LONG)}), (LONG, {str(LONG)})):
        found = [store.read(bucket, row) for row in range(store.clips_per_bucket()[bucket])]
        expected = [TrainingSample.of(sample) for sample in written if sample.bucket in curated_for]
        assert found == sorted(expected, key=lambda sample: sample.clip_id)


def test_the_order_of_rows_survives_another_division_into_shards(make_dataset: MakeDataset) -> None:
    few = SampleStore(make_dataset({SMALL: 6}, rows_per_shard=6))
    ids = [few.read(SMALL, row).clip_id for row in range(6)]
    for path in shard_paths(few.dataset, Sample):
        path.unlink()

    many = SampleStore(make_dataset({SMALL: 6}, rows_per_shard=2))

    assert [many.read(SMALL, row).clip_id for row in range(6)] == ids


@pytest.mark.parametrize(
    "named",
    [
        ["clip-0002", "clip-0001", "clip-00010", "clip-000", "clip-0001-b", "b"],
        ["déjà", "dé", "deja", "z", "dz", "d"],
        ["a" * 9, "a" * 8, "a" * 7, "a" * 7 + "b", "a" * 8 + "A", "B"],
    ],
    ids=["begin alike", "beyond ASCII", "as long as what is compared first"],
)
def test_clips_stand_in_the_order_of_their_ids_whatever_these_are(
    make_dataset: MakeDataset, tmp_path: Path, named: list[str]
) -> None:
    (shard,) = shard_paths(make_dataset({SMALL: 6}), Sample)
    columns = f"list_value({', '.join(map(repr, named))})[row_number() OVER ()] AS clip_id, * EXCLUDE clip_id"

    store = SampleStore(rewritten(shard, tmp_path / "renamed.parquet", columns))

    assert ids(store) == sorted(named, key=str.encode)


def test_a_dataset_without_samples_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no samples.*look at its rejections and failures"):
        SampleStore(tmp_path)


@pytest.mark.parametrize("kept", [0, 10, -1])
def test_a_truncated_shard_is_named_before_anything_is_read(make_dataset: MakeDataset, kept: int) -> None:
    dataset = make_dataset({SMALL: 5}, rows_per_shard=3)
    shard = shard_paths(dataset, Sample)[1]
    shard.write_bytes(shard.read_bytes()[:kept])

    with pytest.raises(ValueError, match=rf"{shard.name} cannot be read .*; delete it and curate again"):
        SampleStore(dataset)


def test_a_shard_that_is_damaged_in_the_middle_is_named_when_the_clip_is_read(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 3})
    (shard,) = shard_paths(dataset, Sample)
    pq.write_table(pq.read_table(shard), shard, compression="zstd")  # nothing says where a video stands
    store = SampleStore(dataset)
    column = pq.ParquetFile(shard).metadata.row_group(0)
    videos = next(c for c in map(column.column, range(column.num_columns)) if c.path_in_schema == "video.bytes")
    content = bytearray(shard.read_bytes())
    content[videos.data_page_offset : videos.data_page_offset + videos.total_compressed_size] = bytes(
        videos.total_compressed_size
    )
    shard.write_bytes(content)

    with pytest.raises(ValueError, match=rf"{shard.name} cannot be read at row group 0 .*; delete it and curate again"):
        store.read(SMALL, 0)


def test_a_shard_of_another_schema_version_is_named(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 2})
    (shard,) = shard_paths(dataset, Sample)
    table = pq.read_table(shard)
    pq.write_table(table.replace_schema_metadata({VERSION_KEY: b"0"}), shard)

    with pytest.raises(ValueError, match=rf"{shard.name} has schema version 0.0, expected 2 or 3; curate it again"):
        SampleStore(dataset)


@pytest.mark.parametrize(("start", "end"), [(3, 11), (900, 910)])
def test_an_entity_word_that_is_not_at_its_span_of_the_caption_is_named(
    make_dataset: MakeDataset, start: int, end: int
) -> None:
    dataset = make_dataset({SMALL: 1})
    (shard,) = shard_paths(dataset, Sample)
    table = pq.read_table(shard)
    rows = table.to_pylist()
    rows[0]["entities"][0].update(start=start, end=end)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), shard)

    with pytest.raises(
        ValueError, match=r"entity word .* expected the same text; a new caption needs its own entity words"
    ) as caught:
        SampleStore(dataset).read(SMALL, 0)

    for part in (shard.name, rows[0]["clip_id"], f"reads {rows[0]['caption'][start:end]!r}"):
        assert part in str(caught.value)


def test_what_is_not_wanted_is_not_read(make_dataset: MakeDataset) -> None:
    store = SampleStore(make_dataset({SMALL: 2}))
    whole = store.read(SMALL, 1)

    assert store.read(SMALL, 1, with_references=False) == replace(whole, entities=(), background=None)
    assert store.read(SMALL, 1, with_video=False) == replace(whole, video=None)


def test_clips_are_listed_in_the_order_in_which_they_are_read(make_dataset: MakeDataset) -> None:
    store = SampleStore(make_dataset({SMALL: 5}, rows_per_shard=2))

    assert store.clip_ids(SMALL).to_pylist() == [store.read(SMALL, row).clip_id for row in range(5)]


def test_clips_go_to_the_wanted_buckets_that_they_fill_whatever_they_were_curated_for(
    make_dataset: MakeDataset,
) -> None:
    dataset = make_dataset({SMALL: 3})
    smaller, longer = Bucket(5, 32, 32), Bucket(289, 32, 32)

    store = SampleStore(dataset, (smaller, longer))

    assert dict(store.clips_per_bucket()) == {smaller: 3}
    assert store.read(smaller, 0) == SampleStore(dataset).read(SMALL, 0)


@pytest.mark.parametrize(("fps", "buckets"), [(24.0, {SMALL, LONG}), (16.0, {SMALL}), (12.0, {SMALL}), (11.0, set())])
def test_a_clip_fills_a_bucket_if_it_lasts_as_long_at_the_pace_that_it_is_seen_at(
    make_dataset: MakeDataset, fps: float, buckets: set[Bucket]
) -> None:
    dataset = make_dataset({LONG: 2})  # 9 frames at 24 a second, which are 6 at 16 and 4.5 at 12

    if not buckets:
        with pytest.raises(ValueError, match="no samples that fill"):
            SampleStore(dataset, (SMALL, LONG), fps=fps)
        return

    assert set(SampleStore(dataset, (SMALL, LONG), fps=fps).clips_per_bucket()) == buckets


def test_a_dataset_whose_clips_fill_no_bucket_names_the_buckets(make_dataset: MakeDataset) -> None:
    with pytest.raises(ValueError, match="no samples that fill 289x32x32"):
        SampleStore(make_dataset({SMALL: 3}), (Bucket(289, 32, 32),))


def test_clips_with_references_of_two_entities_are_those_of_several_subjects(
    make_sample: Callable[..., Sample], make_two_subjects: Callable[[Sample], Sample], tmp_path: Path
) -> None:
    one, two = make_sample(0, SMALL, tmp_path), make_two_subjects(make_sample(1, SMALL, tmp_path))
    unseen = replace(
        two, clip_id="f" * 16, entities=tuple(replace(entity, references=()) for entity in two.entities[:-1])
    )
    bare, other = (
        make_sample(2, SMALL, tmp_path, with_entities=False),
        make_two_subjects(make_sample(3, LONG, tmp_path)),
    )
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", [one, two, unseen, bare, other])

    store = SampleStore(tmp_path / "dataset")

    found = {
        bucket: store.clip_ids(bucket).take(pa.array(rows)).to_pylist()
        for bucket, rows in store.multi_subject_clips().items()
    }
    assert found == {SMALL: sorted([two.clip_id, other.clip_id]), LONG: [other.clip_id]}


def test_backgrounds_are_found_and_read_alone(make_sample: Callable[..., Sample], tmp_path: Path) -> None:
    samples = [make_sample(number, (SMALL, LONG)[number % 2], tmp_path) for number in range(7)]
    samples[3] = replace(samples[3], background=None)
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", samples)

    store = SampleStore(tmp_path / "dataset")

    found = store.clips_with_background()
    assert [clip.clip_id for clip in found] == sorted(sample.clip_id for sample in samples if sample.background)
    for clip in found:
        (sample,) = (sample for sample in samples if sample.clip_id == clip.clip_id)
        assert sample.background is not None
        assert store.read_background(clip.number) == sample.background.image


def rewritten(shard: Path, selection: Path, columns: str = "*", rest: str = "") -> Path:
    """What DuckDB selects from a shard."""
    selection.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(f"COPY (SELECT {columns} FROM '{shard}' {rest}) TO '{selection}' (FORMAT parquet)")
    return selection


def ids(store: SampleStore) -> list[str]:
    return [clip_id.as_py() for clip_id in store.clip_ids(SMALL)]


def test_a_selection_by_another_tool_is_a_dataset_as_a_file_and_as_a_folder(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({SMALL: 5})
    (shard,) = shard_paths(dataset, Sample)
    some = sorted(ids(SampleStore(dataset)))[:2]
    kept = rewritten(shard, tmp_path / "some" / "kept.parquet", rest=f"WHERE clip_id IN ({str(some)[1:-1]})")

    stores = [SampleStore(kept), SampleStore(kept.parent)]

    assert [ids(store) for store in stores] == [some, some]
    assert stores[0].read(SMALL, 0) == SampleStore(dataset).read(SMALL, ids(SampleStore(dataset)).index(some[0]))


def test_columns_that_a_tool_added_are_passed_over(make_dataset: MakeDataset, tmp_path: Path) -> None:
    (shard,) = shard_paths(make_dataset({SMALL: 2}), Sample)

    store = SampleStore(rewritten(shard, tmp_path / "kept.parquet", "*, 0.5 AS score_of_mine"))

    assert len([store.read(SMALL, row) for row in range(2)]) == 2


def test_a_column_without_any_value_is_one_without_pictures(make_dataset: MakeDataset, tmp_path: Path) -> None:
    (shard,) = shard_paths(make_dataset({SMALL: 2}), Sample)
    store = SampleStore(rewritten(shard, tmp_path / "kept.parquet", "* REPLACE (NULL AS background)"))

    assert len(store.clips_with_background()) == 0
    assert [clip.has_background for clip in store.captions()] == [False, False]
    assert store.read(SMALL, 0).background is None


def test_a_selection_beside_the_samples_it_was_taken_from_is_not_passed_over(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 3})
    (shard,) = shard_paths(dataset, Sample)
    kept = rewritten(shard, dataset / "kept.parquet", rest="LIMIT 1")

    with pytest.raises(ValueError, match=r"kept\.parquet beside its folder samples.*; name .*kept\.parquet, or move"):
        SampleStore(dataset)
    assert SampleStore(kept).clips_per_bucket() == {SMALL: 1}


def test_rows_of_other_tables_are_told(make_dataset: MakeDataset, tmp_path: Path) -> None:
    (shard,) = shard_paths(make_dataset({SMALL: 2}), Sample)
    other = "UNION ALL BY NAME SELECT 'aaaaaaaaaaaaaaaa' AS clip_id, 'read' AS stage"
    kept = rewritten(shard, tmp_path / "kept.parquet", rest=other)

    with pytest.raises(
        ValueError, match=r"kept\.parquet.* clip aaaaaaaaaaaaaaaa: .* of a Sample is null, expected a value"
    ):
        SampleStore(kept)


def test_frames_without_a_pace_are_told(make_dataset: MakeDataset, tmp_path: Path) -> None:
    (shard,) = shard_paths(make_dataset({SMALL: 2}), Sample)

    with pytest.raises(ValueError, match="5 frames at 0 fps, expected positive numbers"):
        SampleStore(rewritten(shard, tmp_path / "kept.parquet", "* REPLACE (0 AS fps)"), buckets=[SMALL])


def test_clips_that_stand_there_twice_are_told(
    make_dataset: MakeDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (shard,) = shard_paths(make_dataset({SMALL: 2}), Sample)
    kept = rewritten(shard, tmp_path / "kept.parquet", rest=f"UNION ALL SELECT * FROM '{shard}' LIMIT 3")

    assert SampleStore(kept).clips_per_bucket() == {SMALL: 3}
    assert "has 3 rows of 2 clips" in caplog.text


def test_a_file_in_one_large_row_group_is_refused_with_what_divides_it(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset({SMALL: 6})
    (shard,) = shard_paths(dataset, Sample)
    kept = rewritten(shard, tmp_path / "kept.parquet")
    monkeypatch.setattr("modeling.data.sample_shards._GROUP_BYTES", 1000)

    with pytest.raises(
        ValueError, match=r"has 6 rows .* in one row group.*write it anew: make select DATASET=.*kept\.parquet"
    ):
        SampleStore(kept)
    assert SampleStore(dataset).clips_per_bucket() == {SMALL: 6}


def test_a_new_caption_without_its_entity_words_is_told_before_training(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    (shard,) = shard_paths(make_dataset({SMALL: 2}), Sample)
    kept = rewritten(shard, tmp_path / "kept.parquet", "* REPLACE ('Look: ' || caption AS caption)")

    with pytest.raises(
        ValueError, match=r"clip [0-9a-f]+: entity word .* the caption reads .*needs its own entity words"
    ):
        list(SampleStore(kept).captions())


def test_a_file_of_another_kind_is_told(make_dataset: MakeDataset) -> None:
    head = make_dataset({SMALL: 1}) / "dataset.json"
    head.touch()

    with pytest.raises(ValueError, match=r"dataset\.json is a file, expected one named \.parquet, or a directory"):
        SampleStore(head)


def test_a_dataset_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; expected what `curate` or `select` wrote"):
        SampleStore(tmp_path / "nowhere")


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes the system gave for every read from a place in a file."""
    counted: list[int] = []
    read = os.pread

    def counting(descriptor: int, length: int, offset: int) -> bytes:
        content = read(descriptor, length, offset)
        counted.append(len(content))
        return content

    monkeypatch.setattr(os, "pread", counting)
    return counted


def refused(*_: object, **__: object) -> None:
    raise AssertionError("a whole row group was read")


def test_a_clip_costs_the_bytes_of_its_media_and_no_others(
    make_dataset: MakeDataset, bytes_read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SampleStore(make_dataset({SMALL: 6}))
    store.read(SMALL, 0)  # its text is in the row group of the index that all others share
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", refused)

    for row in range(6):
        bytes_read.clear()
        clip = store.read(SMALL, row)
        assert sum(bytes_read) == clip.size_bytes > 0


def everything(dataset: Path) -> list[TrainingSample]:
    store = SampleStore(dataset)
    return [store.read(bucket, row) for bucket, clips in store.clips_per_bucket().items() for row in range(clips)]


def test_the_index_on_disk_gives_the_clips_that_the_shards_give(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 5, LONG: 3}, rows_per_shard=3)
    write_manifest(dataset, DatasetManifest(profile="embedded", config={}, annotators=(), funnel=(), complete=True))
    before = everything(dataset)

    refresh_index(dataset)

    assert everything(dataset) == before


def test_shards_that_do_not_say_where_media_stand_give_the_same_clips(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, kept = make_dataset({SMALL: 5}), tmp_path / "kept.parquet"
    (shard,) = shard_paths(dataset, Sample)
    pq.write_table(pq.read_table(shard), kept, row_group_size=2)

    assert everything(kept) == everything(dataset)
    assert SampleStore(kept).read_background(2) == SampleStore(dataset).read_background(2)


@pytest.mark.parametrize("fault", ["gone", "cut", "another"])
def test_a_shard_that_changed_behind_the_back_is_named_with_the_clip(make_dataset: MakeDataset, fault: str) -> None:
    dataset = make_dataset({SMALL: 3})
    (shard,) = shard_paths(dataset, Sample)
    store = SampleStore(dataset)
    if fault == "gone":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:100] if fault == "cut" else shard.read_bytes() + b"more")

    with pytest.raises(ValueError, match=rf"clip {ids(store)[1]}: its shard .*{shard.name} cannot be read any more"):
        store.read(SMALL, 1)
