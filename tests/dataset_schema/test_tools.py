"""One line opens a shard, or a folder of them, in every tool; all find the same rows."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars
import pyarrow.dataset
import pytest
from datasets import load_dataset

from dataset_schema import Payload, write_shard
from tests.dataset_schema.golden_records import GOLDEN_SAMPLES

Row = dict[str, Any]
SAMPLES = [
    replace(GOLDEN_SAMPLES[number % 2], clip_id=f"{number:032x}", video=Payload(bytes=bytes([number]) * 5000))
    for number in range(6)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_shard(folder / "part-0.parquet", SAMPLES[:4])
    write_shard(folder / "part-1.parquet", SAMPLES[4:])
    return folder


def by_pyarrow(paths: list[str]) -> list[Row]:
    return list(pyarrow.dataset.dataset(paths).to_table().to_pylist())


def by_duckdb(paths: list[str]) -> list[Row]:
    found = duckdb.read_parquet(paths)
    return list(found.order("clip_id").to_arrow_table().to_pylist())


def by_pandas(paths: list[str]) -> list[Row]:
    return list(pd.concat(map(pd.read_parquet, paths)).to_dict("records"))


def by_polars(paths: list[str]) -> list[Row]:
    return list(polars.read_parquet(paths).to_dicts())


def by_datasets(paths: list[str]) -> list[Row]:
    return list(load_dataset("parquet", data_files=paths, split="train"))


def by_datasets_streaming(paths: list[str]) -> list[Row]:
    return list(load_dataset("parquet", data_files=paths, split="train", streaming=True))


TOOLS = [by_pyarrow, by_duckdb, by_pandas, by_polars, by_datasets, by_datasets_streaming]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_finds_every_row_in_a_folder_of_shards(tool: Callable[[list[str]], list[Row]], folder: Path) -> None:
    rows = tool([str(path) for path in sorted(folder.iterdir())])

    assert [facts(row) for row in rows] == [
        (
            sample.clip_id,
            sample.caption,
            sample.video.bytes,
            sample.scores.desirable,
            [(entity.word, len(entity.references)) for entity in sample.entities],
            sample.background and (2, 1),
        )
        for sample in SAMPLES
    ]


def facts(row: Row) -> tuple[object, ...]:
    desirable = row["scores"]["desirable"]
    return (
        row["clip_id"],
        row["caption"],
        row["video"]["bytes"],
        None if desirable is None or desirable != desirable else desirable,
        [(entity["word"], len(entity["references"])) for entity in row["entities"]],
        row["background"] and size(row["background"]["image"]),
    )


def size(image: Any) -> tuple[int, int]:
    """Of a picture that the tool decoded, or gave as its bytes."""
    from PIL import Image

    with Image.open(BytesIO(image["bytes"])) if isinstance(image, dict) else image as picture:
        return picture.size[0], picture.size[1]
