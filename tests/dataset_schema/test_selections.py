"""Shards that other tools wrote again, as a selection say: read by their columns."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from dataset_schema import Sample, leaves, read_shard
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

    assert [sample.extra for sample in read_shard(tmp_path / "part.parquet", Sample)] == ["{}", "{}"]


def test_what_is_missing_is_looked_for_inside_lists(tmp_path: Path) -> None:
    entity = pa.list_(pa.struct([pa.field("word", pa.string()), pa.field("start", pa.int32())]))
    schema = pq.read_schema(GOLDEN_SHARD)
    at = schema.get_field_index("entities")

    assert missing_columns(schema.set(at, pa.field("entities", entity)), Sample) == ["entities.kind", "entities.end"]
