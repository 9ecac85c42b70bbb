"""A small sound dataset of drawn clips, with its index, to be joined, compared, made smaller and broken."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from curation.funnel import dataset_funnel
from dataset_schema import (
    DatasetManifest,
    FailedClip,
    RejectedClip,
    Sample,
    new_dataset_id,
    refresh_index,
    write_manifest,
    write_shard,
)

Tables = Mapping[str, Sequence[Sample | RejectedClip | FailedClip]]

STAGES = ("entity_words", "decode", "single_shot", "publish")


def write_dataset(folder: Path, tables: Tables, **config: object) -> Path:
    """Write a finished dataset; the keys are the names of its shards, such as `samples/part-0001-000-00000.parquet`."""
    for name, records in tables.items():
        write_shard(folder / name, records)
    manifest = DatasetManifest(
        profile="embedded",
        config={"seed": 1, **config},
        annotators=(),
        funnel=dataset_funnel(folder, STAGES),
        complete=True,
        id=new_dataset_id(),
    )
    write_manifest(folder, manifest)
    refresh_index(folder)
    return folder


def name_of(table: str, number: int = 0, run: int = 1) -> str:
    return f"{table}/part-{run:04d}-000-{number:05d}.parquet"


@pytest.fixture
def tables(make_sample: Callable[[int], Sample], rejected_clip: RejectedClip, failed_clip: FailedClip) -> Tables:
    """Four kept clips in two shards, a rejected and a failed one."""
    samples = [make_sample(index) for index in (0, 2, 3, 5)]
    return {
        name_of("samples", 0): samples[:2],
        name_of("samples", 1): samples[2:],
        name_of("rejections"): [rejected_clip],
        name_of("failures"): [failed_clip],
    }


@pytest.fixture
def dataset(tmp_path: Path, tables: Tables) -> Path:
    return write_dataset(tmp_path / "dataset", tables)
