"""Runs that train new layers of published models other than Wan: what they keep, write, take up again and sample."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from modeling.data.schedule import BatchingConfig
from modeling.model.dit import DiTConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.training.checkpoint import read_tensors
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.loop import train
from tests.modeling.backbones.families import FAMILIES, Family
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, TinyCheckpoints
from tests.modeling.training.small_runs import (
    KilledError,
    checkpoint,
    kill_after,
    largest_difference,
    metrics,
    run_config,
    same,
    weights,
)
from tests.modeling.training.test_parallel import Run, train_together

MakeDataset = Callable[..., Path]

PROMPT = "A red ball moves right over the meadow."


# Of Wan's networks, runs are shown with 2.1, too (test_wan_training.py).
@pytest.fixture(
    params=["cogvideox-5b", "ltx", *(pytest.param(name, marks=pytest.mark.slow) for name in ("hunyuan", "wan-ti2v"))]
)
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


@pytest.fixture
def base(family: Family, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy, which a test may change."""
    shutil.copytree(request.getfixturevalue(family.fixture), tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def run(family: Family, base: Path, paper_checkpoints: TinyCheckpoints) -> RunConfig:
    """Two phases, with a checkpoint in the middle of each, in bfloat16."""
    phases = [TrainingPhase(name=name, steps=3, trainable=Trainable.NEW_LAYERS) for name in ("II-a", "II-b")]
    training = run_config(*phases, checkpoint_every_steps=2, checkpoints_kept=9).training
    return RunConfig(
        pipeline=PipelineConfig(model=family.config(base), encoders=family.encoders(base, paper_checkpoints)),
        training=replace(
            training,
            data=replace(training.data, buckets=(family.bucket,)),
            execution=replace(training.execution, precision=Precision.BFLOAT16, recomputes_activations=True),
        ),
    )


def is_new(name: str) -> bool:
    return "personalization" in name or name.startswith("binding.")


def test_a_killed_run_ends_bitwise_like_a_whole_one_and_its_new_layers_sample_on_the_base_that_they_name(
    run: RunConfig, family: Family, base: Path, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({family.clips: 5})

    whole = train(run, dataset=dataset, output=tmp_path / "whole")
    for step in (3, 5):
        with pytest.raises(KilledError):
            train(run, dataset=dataset, output=tmp_path / "killed", on_step=kill_after(step))
    train(run, dataset=dataset, output=tmp_path / "killed")

    last = [read_tensors(checkpoint(output, 6)) for output in (tmp_path / "whole", tmp_path / "killed")]
    written = load_file(whole / "model.safetensors")
    assert same(last[0], last[1])
    assert written
    assert all(map(is_new, written))
    assert all(is_new(name.split(".", 1)[1]) for name in last[0])  # weights, averages and moments alike

    pipeline = Pipeline.from_pretrained(whole, dtype=torch.bfloat16)
    sampling, picture = SamplingConfig(bucket=family.bucket, steps=2), Image.new("RGBA", (30, 20), "red")
    videos = [pipeline(PROMPT, references=given, sampling=sampling) for given in ({}, {"ball": picture})]
    assert videos[0].shape == (family.bucket.frames, family.bucket.height, family.bucket.width, 3)
    assert not np.array_equal(videos[0], videos[1])

    weights_file = next((base / "transformer").glob("*.safetensors"))
    weights_file.write_bytes(weights_file.read_bytes() + b"\0")
    with pytest.raises(ValueError, match=rf"base {base / 'transformer'} has other files \(digest \w{{12}}\)"):
        Pipeline.from_pretrained(whole)


def test_clips_must_last_as_long_as_the_bucket_at_the_pace_of_the_model(
    run: RunConfig, family: Family, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({family.short_clips: 5})

    with pytest.raises(ValueError, match=rf"has no samples that fill {family.bucket}"):
        train(run, dataset=dataset, output=tmp_path / "run")


def test_encoders_that_give_longer_texts_than_the_model_reads_are_refused(
    run: RunConfig, family: Family, base: Path
) -> None:
    with pytest.raises(ValueError, match=r"encoders have max_text_tokens 32, expected (at most|exactly) the 16"):
        replace(run.pipeline, model=family.config(base, text_tokens=16))


def test_a_model_whose_tokens_are_other_patches_of_latents_is_refused(
    tiny_ltx: Path, paper_checkpoints: TinyCheckpoints
) -> None:
    model = DiTConfig(width=32, blocks=1, heads=2, latent_channels=128, text_channels=CHANNELS, image_channels=CHANNELS)

    with pytest.raises(ValueError, match="model has patch 2, expected the encoders' 1"):
        PipelineConfig(model=model, encoders=FAMILIES["ltx"].encoders(tiny_ltx, paper_checkpoints))


def test_encoders_that_give_shorter_texts_are_refused_where_padding_counts(
    run: RunConfig, family: Family, base: Path
) -> None:
    model = family.config(base, text_tokens=48)
    if not model.needs_whole_texts:
        assert replace(run.pipeline, model=model).model == model
        return

    with pytest.raises(ValueError, match="encoders have max_text_tokens 32, expected exactly the 48"):
        replace(run.pipeline, model=model)


@pytest.mark.slow  # processes that load torch and diffusers; those of the paper's model are in the default suite
def test_two_processes_that_share_the_weights_end_like_one(
    run: RunConfig, family: Family, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    tokens = run.pipeline.encoders.latents.tokens(family.bucket)
    data = replace(run.training.data, batching=BatchingConfig(tokens_per_device=tokens, devices_per_group=2))
    execution = replace(run.training.execution, precision=Precision.FLOAT32)
    phases = run.training.phases[:1]
    run = replace(run, training=replace(run.training, data=data, execution=execution, phases=phases))
    dataset = make_dataset({family.clips: 5})

    train(run, dataset=dataset, output=tmp_path / "one")
    train_together([Run(run, tmp_path / "two")], dataset, tmp_path)

    losses = [[line["loss"] for line in metrics(tmp_path / output)] for output in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    ends = [load_file(tmp_path / output / "pipeline" / "model.safetensors") for output in ("one", "two")]
    moved = largest_difference(ends[0], weights(checkpoint(tmp_path / "one", 2)))
    assert largest_difference(*ends) < 0.01 * moved
