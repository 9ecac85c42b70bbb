"""Latents of another geometry, from the batch to the video: 48 channels and 4x16x16."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dataset_schema import Bucket
from modeling.data.cache import write_cache
from modeling.data.store import SampleStore
from modeling.encoders import LatentGeometry
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.training.config import RunConfig
from modeling.training.loop import train
from modeling.training.run_costs import Devices, bucket_costs
from tests.modeling.encoders.coarse_encoders import CoarseEncoders
from tests.modeling.training.small_runs import checkpoint, metrics, run_config, weights

MakeDataset = Callable[..., Path]
BUCKET, UNFIT = Bucket(9, 64, 96), Bucket(9, 48, 96)
CPU = torch.device("cpu")


def coarse_run(*, steps: int, uses_cache: bool = False) -> RunConfig:
    run = run_config(checkpoint_every_steps=2)
    pipeline = PipelineConfig(model=replace(run.pipeline.model, latent_channels=48), encoders=CoarseEncoders())
    phases = (replace(run.training.phases[0], steps=steps),)
    data = replace(run.training.data, uses_cache=uses_cache)
    return RunConfig(pipeline=pipeline, training=replace(run.training, phases=phases, data=data))


def test_shapes_and_tokens_follow_from_the_geometry() -> None:
    # By hand: 9 frames are the first and two times four; 64 / 16 and 96 / 16; patches of 1x2x2.
    coarse = LatentGeometry(channels=48, frames=4, pixels=16)

    assert coarse.shape(BUCKET) == (3, 4, 6)
    assert coarse.tokens(BUCKET) == 3 * 2 * 3
    assert LatentGeometry(frames=8, pixels=32).shape(Bucket(17, 576, 1024)) == (3, 18, 32)
    assert LatentGeometry().shape(Bucket(17, 144, 256)) == (5, 18, 32)


@pytest.mark.parametrize("bucket", [UNFIT, Bucket(9, 64, 112), Bucket(9, 64, 96)])
def test_a_bucket_that_no_whole_number_of_latents_makes_up_is_refused(bucket: Bucket) -> None:
    with pytest.raises(ValueError, match=r"expected 16k \+ 1 frames and sides that are multiples of 32; name other"):
        LatentGeometry(frames=16, pixels=16).shape(bucket)


def test_training_resumes_bitwise_and_its_pipeline_loads_and_samples(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset({BUCKET: 5})
    whole = train(coarse_run(steps=4), dataset=dataset, output=tmp_path / "whole")
    train(coarse_run(steps=2), dataset=dataset, output=tmp_path / "parts")

    parts = train(coarse_run(steps=4), dataset=dataset, output=tmp_path / "parts")

    left, right = (load_file(folder / "model.safetensors") for folder in (whole, parts))
    assert all(torch.equal(left[name], right[name]) for name in left)
    pipeline = Pipeline.from_pretrained(whole)
    assert pipeline.config == coarse_run(steps=4).pipeline
    video = pipeline("A ball moves.", sampling=SamplingConfig(bucket=BUCKET, steps=2))
    assert video.shape == (9, 64, 96, 3)
    assert video.dtype == np.uint8
    assert pipeline.reconstruct(video).shape == video.shape
    with pytest.raises(ValueError, match="bucket 9x48x96 does not fit latents of 4x16x16"):
        pipeline("A ball moves.", sampling=SamplingConfig(bucket=UNFIT, steps=2))


def test_a_batch_fills_the_budget_with_the_tokens_that_the_model_sees(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run = coarse_run(steps=1)  # 48 tokens a device, and a clip has 18

    train(run, dataset=make_dataset({BUCKET: 5}), output=tmp_path / "run")

    cost = bucket_costs(run, BUCKET, Devices(count=1, memory_bytes=2**30))
    assert (cost.tokens, cost.clips_per_device, cost.batch) == (18, 3, 3)
    assert len(metrics(tmp_path / "run")) == 1


def test_training_from_the_cache_takes_the_same_steps_but_for_rounding(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({BUCKET: 3})
    write_cache(SampleStore(dataset), CoarseEncoders().build(), device=CPU)

    for name, uses_cache in (("decoded", False), ("cached", True)):
        train(coarse_run(steps=2, uses_cache=uses_cache), dataset=dataset, output=tmp_path / name)

    left, right = (weights(checkpoint(tmp_path / name, 2)) for name in ("decoded", "cached"))
    assert all(torch.allclose(left[name], right[name], atol=1e-3) for name in left)


def test_the_model_needs_the_channels_of_the_latents(make_dataset: MakeDataset, tmp_path: Path) -> None:
    model = run_config().pipeline.model
    with pytest.raises(ValueError, match="model has latent_channels 16, expected the encoders' 48"):
        PipelineConfig(model=model, encoders=CoarseEncoders())


def test_a_dataset_whose_buckets_do_not_fit_is_refused_before_the_first_step(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="bucket 9x48x96 does not fit latents of 4x16x16"):
        train(coarse_run(steps=2), dataset=make_dataset({UNFIT: 3}), output=tmp_path / "run")
