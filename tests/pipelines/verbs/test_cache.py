"""`cache` as a command, on a few drawn clips."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_schema import Payload, Sample, write_shard
from modeling.data.batches import BatchLoader
from modeling.data.cache import ClipCache
from modeling.data.store import SampleStore
from modeling.encoders.geometry import LatentGeometry
from modeling.training.presets import tiny
from pipelines.__main__ import main

CONFIG = Path(__file__).parents[3] / "configs" / "train_tiny.toml"


@pytest.fixture
def dataset(make_sample: Callable[[int], Sample], tmp_path: Path) -> Path:
    samples = [replace(make_sample(index), bucket="9x64x112") for index in range(3)]
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", samples)
    return tmp_path / "dataset"


def test_every_clip_is_encoded_once_and_the_command_says_so(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["cache", "--dataset", str(dataset), "--config", str(CONFIG)]

    assert main(arguments) == 0
    first = capsys.readouterr()
    assert main(arguments) == 0
    second = capsys.readouterr()

    assert "clips: 3, newly encoded: 3 of 3 windows and 3 captions, failed: 0" in first.out
    assert "cache: 3/3 windows" in first.err
    assert "clips: 3, newly encoded: 0 of 3 windows and 0 captions, failed: 0" in second.out


def test_training_finds_what_the_command_wrote(dataset: Path) -> None:
    assert main(["cache", "--dataset", str(dataset)]) == 0

    run = tiny()
    data = replace(run.training.data, uses_cache=True)
    store = SampleStore(dataset)
    cache = ClipCache.of(store, run.pipeline.encoders.build())

    latents = BatchLoader(cache, data, seed=0, max_images=6, latents=LatentGeometry()).batch(0).latents()
    assert latents is not None
    assert latents.shape[1:] == (16, 3, 8, 14)


def test_clips_that_fail_are_named_and_the_status_is_1(
    dataset: Path, make_sample: Callable[[int], Sample], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(make_sample(3), bucket="9x64x112", video=Payload(bytes=b"no video"))
    write_shard(dataset / "samples" / "part-1.parquet", [broken])

    assert main(["cache", "--dataset", str(dataset)]) == 1

    said = capsys.readouterr()
    assert f"clip {broken.clip_id}: video cannot be decoded" in said.err
    assert "newly encoded: 3 of 4 windows and 3 captions, failed: 1" in said.out


def test_a_folder_that_is_no_dataset_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--dataset", str(tmp_path)]) == 2

    assert "has no samples" in capsys.readouterr().err
