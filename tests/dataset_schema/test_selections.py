"""Shards that other tools wrote again, as a selection say: read by their columns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from dataset_schema import RejectedClip, Sample, Scores, dataset_root, leaves, read_shard, shard_paths, write_shard
from dataset_schema.rows import missing_columns
from tests.dataset_schema.golden_records import GOLDEN_SAMPLES, GOLDEN_SHARD

Rewrite = Callable[[Path, Path], None]


def by_duckdb(shard: Path, selection: Path) -> None:
    duckdb.sql(f"COPY (SELECT * FROM '{shard}' WHERE scores.desirable >= 0.4) TO '{selection}' (FORMAT parquet)")


def by_pandas(shard: Path, selection: Path) -> None:
    table = pd.read_parquet(shard)
    table[[(scores["desirable"] or 0) >= 0.4 for scores in table["scores"]]].to_parquet(selection)


def by_datasets(shard: Path, selection: Path) -> None:
    clips = load_dataset("parquet", data_files=str(shard), split="train", cache_dir=str(selection.parent / "cache"))
    clips = clips.cast(load_features_as_bytes(shard))
    clips.filter(lambda scores: (scores["desirable"] or 0) >= 0.4, input_columns="scores").to_parquet(selection)


def load_features_as_bytes(shard: Path) -> object:
    """The features with pictures and videos left as they are, so that nothing is decoded."""
    from datasets import Features

    return Features.from_arrow_schema(pq.read_schema(shard).remove_metadata())


@pytest.mark.parametrize("rewrite", [by_duckdb, by_pandas, by_datasets])
def test_a_selection_by_another_tool_reads_as_what_was_selected(rewrite: Rewrite, tmp_path: Path) -> None:
    rewrite(GOLDEN_SHARD, tmp_path / "selected.parquet")

    assert list(read_shard(tmp_path / "selected.parquet", Sample)) == [GOLDEN_SAMPLES[0]]


@pytest.mark.parametrize("rewrite", [by_duckdb, by_pandas, by_datasets])
def test_a_given_picture_stays_without_scores_in_a_selection_by_another_tool(rewrite: Rewrite, tmp_path: Path) -> None:
    given = replace(GOLDEN_SAMPLES[2], scores=Scores(desirable=1.0))
    write_shard(tmp_path / "part.parquet", [given])

    rewrite(tmp_path / "part.parquet", tmp_path / "selected.parquet")

    assert list(read_shard(tmp_path / "selected.parquet", Sample)) == [given]


@pytest.mark.parametrize("rewrite", [by_duckdb, by_pandas, by_datasets])
def test_leaves_are_found_whatever_a_tool_calls_the_levels_of_a_list(rewrite: Rewrite, tmp_path: Path) -> None:
    rewrite(GOLDEN_SHARD, tmp_path / "selected.parquet")

    with pq.ParquetFile(tmp_path / "selected.parquet") as file:
        columns = leaves(file, ["entities.word", "entities.references.is_face", "no.such_leaf"])
        (row,) = file.read(columns=columns).to_pylist()

    assert [entity["word"] for entity in row["entities"]] == ["dög", "meadow"]
    assert row["entities"][0]["references"] == [{"is_face": False}]


def test_a_selection_without_a_column_that_is_needed_is_told_which(tmp_path: Path) -> None:
    duckdb.sql(
        f"COPY (SELECT * EXCLUDE (caption) REPLACE (struct_pack(codec := media.codec) AS media) FROM '{GOLDEN_SHARD}') "
        f"TO '{tmp_path}/part.parquet' (FORMAT parquet)"
    )

    with pytest.raises(ValueError, match=r"part\.parquet lacks caption, media\.container, media\.width"):
        list(read_shard(tmp_path / "part.parquet", Sample))


def test_columns_that_have_defaults_may_be_missing(tmp_path: Path) -> None:
    duckdb.sql(f"COPY (SELECT * EXCLUDE (extra) FROM '{GOLDEN_SHARD}') TO '{tmp_path}/part.parquet' (FORMAT parquet)")

    assert [sample.extra for sample in read_shard(tmp_path / "part.parquet", Sample)] == ["{}", "{}", "{}"]


def test_what_is_missing_is_looked_for_inside_lists(tmp_path: Path) -> None:
    entity = pa.list_(pa.struct([pa.field("word", pa.string()), pa.field("start", pa.int32())]))
    schema = pq.read_schema(GOLDEN_SHARD)
    at = schema.get_field_index("entities")

    assert missing_columns(schema.set(at, pa.field("entities", entity)), Sample) == ["entities.kind", "entities.end"]


def by_large_types(shard: Path, selection: Path) -> None:
    """As Polars writes: 64-bit offsets everywhere, and no metadata of ours."""
    table = pq.read_table(shard).replace_schema_metadata(None)
    rows = [row for row in table.to_pylist() if (row["scores"]["desirable"] or 0) >= 0.4]
    schema = pa.schema([pa.field(each.name, with_large_types(each.type)) for each in table.schema])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), selection)


def with_large_types(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(each.name, with_large_types(each.type)) for each in kind])
    if pa.types.is_list(kind):
        return pa.large_list(with_large_types(kind.value_type))
    return {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}.get(kind, kind)


def test_a_selection_with_large_types_reads_as_what_was_selected(tmp_path: Path) -> None:
    by_large_types(GOLDEN_SHARD, tmp_path / "selected.parquet")

    assert list(read_shard(tmp_path / "selected.parquet", Sample)) == [GOLDEN_SAMPLES[0]]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("'[]' AS entities", r"entities as the nested column that it was \(it is string\)"),
        ("encode(caption) AS caption", r"caption as text \(it is binary\)"),
        ("'9' AS num_frames", r"num_frames as a number \(it is string\)"),
        ("video.path AS video", r"video as the nested column that it was \(it is string\)"),
    ],
)
def test_a_column_of_another_type_is_told_with_what_it_should_be(change: str, problem: str, tmp_path: Path) -> None:
    duckdb.sql(
        f"COPY (SELECT * REPLACE ({change}) FROM '{GOLDEN_SHARD}') TO '{tmp_path}/part.parquet' (FORMAT parquet)"
    )

    with pytest.raises(ValueError, match=rf"part\.parquet lacks {problem}; .*`select`"):
        list(read_shard(tmp_path / "part.parquet", Sample))


@pytest.mark.parametrize("column", ["caption", "video", "entities", "media"])
def test_a_row_without_a_value_that_is_needed_is_told_with_its_clip(column: str, tmp_path: Path) -> None:
    cleared = f"CASE WHEN bucket = '49x144x256' THEN NULL ELSE {column} END AS {column}"
    duckdb.sql(
        f"COPY (SELECT * REPLACE ({cleared}) FROM '{GOLDEN_SHARD}') TO '{tmp_path}/part.parquet' (FORMAT parquet)"
    )

    with pytest.raises(ValueError, match=rf"part\.parquet: clip {GOLDEN_SAMPLES[1].clip_id}: {column} of .* null"):
        list(read_shard(tmp_path / "part.parquet", Sample))


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("samples/part.parquet", "."),
        ("samples/bucket/deep.parquet", "."),
        ("kept.parquet", "."),
        ("kept.parquet", "kept.parquet"),
        ("kept.parquet/data_0.parquet", "."),
        ("kept.parquet/data_0.parquet", "kept.parquet"),
    ],
)
def test_the_samples_of_a_selection_are_found_wherever_a_tool_put_them(name: str, dataset: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(GOLDEN_SHARD.read_bytes())

    assert shard_paths(tmp_path / dataset, Sample) == [tmp_path / name]


@pytest.mark.parametrize(
    "name", ["samples/.part.parquet", "_temporary/part.parquet", "cache/part.parquet", "index/part.parquet"]
)
def test_what_tools_hide_a_cache_and_an_index_are_no_samples(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(GOLDEN_SHARD.read_bytes())

    assert shard_paths(tmp_path, Sample) == []


def test_files_beside_tables_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "rejections").mkdir()
    (tmp_path / "statistics.parquet").touch()

    assert shard_paths(tmp_path, Sample) == shard_paths(tmp_path, RejectedClip) == []


@pytest.mark.parametrize("dataset", ["ds", "ds/samples", "ds/samples/part.parquet", "ds/kept.parquet", "ds/some"])
def test_what_lies_in_a_dataset_starts_its_paths_there(dataset: str, tmp_path: Path) -> None:
    for folder in ("samples", "some"):
        (tmp_path / "ds" / folder).mkdir(parents=True)
    (tmp_path / "ds" / "dataset.json").touch()

    assert dataset_root(tmp_path / dataset) == tmp_path / "ds"


def test_a_file_of_no_dataset_starts_its_paths_beside_it(tmp_path: Path) -> None:
    (tmp_path / "kept.parquet").touch()

    assert dataset_root(tmp_path / "kept.parquet") == dataset_root(tmp_path) == tmp_path
