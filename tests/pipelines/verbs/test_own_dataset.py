"""`own-dataset` as a command: a folder as people have it, a dataset that `train` takes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_schema import Bucket, Sample, open_index, read_shard, shard_paths
from modeling.data.cache import ClipCache
from modeling.data.store import SampleStore
from modeling.encoders import build_encoders
from modeling.training.presets import tiny
from pipelines.__main__ import main
from tests.modeling.data.own_files import film, furnish


def test_a_folder_becomes_a_dataset_of_the_sizes_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    furnish(tmp_path / "home")
    output = tmp_path / "own"

    places = ["--input", str(tmp_path / "home"), "--output", str(output)]
    assert main(["own-dataset", *places, "--buckets", "1x32x48", "9x32x48"]) == 0

    samples = [sample for shard in shard_paths(output, Sample) for sample in read_shard(shard, Sample)]
    assert {(sample.caption, sample.bucket) for sample in samples} == {
        ("A dog and a cat on a sofa.", "1x32x48"),
        ("A cat jumps.", "9x32x48"),
    }
    assert [len(each.references) for sample in samples for each in sample.entities] == [2]
    assert open_index(output).num_rows == 2
    assert f"dataset: {output}   clips: 2\ntrain on it: make train DATASET={output} " in capsys.readouterr().out


def test_latents_that_clips_bring_are_of_the_run_s_autoencoder(tmp_path: Path) -> None:
    latents = np.arange(16 * 3 * 4 * 8).reshape(16, 3, 4, 8).astype(np.float32)
    np.save(tmp_path / "a.npy", latents)
    film(tmp_path / "a.mp4", size=(64, 32))
    line = {"file": "a.mp4", "caption": "A ball.", "latents": {"9x32x64": "a.npy"}}
    (tmp_path / "clips.jsonl").write_text(json.dumps(line))
    output, bucket = tmp_path / "own", Bucket(9, 32, 64)

    places = ["--input", str(tmp_path / "clips.jsonl"), "--output", str(output)]
    assert main(["own-dataset", *places, "--buckets", "9x32x64"]) == 0

    assert main(["cache", "--dataset", str(output), "--run.training.data.buckets", "9x32x64"]) == 0
    cache = ClipCache.of(SampleStore(output, [bucket]), build_encoders(tiny().pipeline.encoders))
    found = cache.read(bucket, 0, window_s=0.0, with_references=False).latents
    assert found is not None
    assert torch.equal(found.float(), torch.from_numpy(latents))


def test_what_is_wrong_with_the_files_is_one_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    furnish(tmp_path / "home")
    (tmp_path / "home" / "b.txt").unlink()

    status = main(["own-dataset", "--input", str(tmp_path / "home"), "--output", str(tmp_path / "own")])

    assert status == 2
    assert "b.txt" in capsys.readouterr().err
    assert not (tmp_path / "own").exists()
