"""A run that trains the new layers of a tiny Wan: what it changes, keeps, writes, takes up again and samples."""

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dataset_schema import Bucket
from modeling.backbones.wan import WanConfig
from modeling.data.cache import write_cache
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.encoders import build_encoders
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.sampling.denoising import DenoisingConfig, SamplingConfig
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.training.checkpoint import read_tensors
from modeling.training.config import RunConfig, TrainingPhase, ValidationConfig
from modeling.training.export import export_checkpoint
from modeling.training.loop import train
from modeling.training.run_log import StepReport
from tests.modeling.backbones.small_wan import published, wan_config
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_wan import wan_encoders
from tests.modeling.training.small_runs import (
    LONG,
    SMALL,
    checkpoint,
    largest_difference,
    metrics,
    run_config,
    same,
    weights,
)
from tests.modeling.training.test_parallel import Run, train_together

MakeDataset = Callable[..., Path]

PHASES = (
    TrainingPhase(name="II-a", steps=3, trainable=Trainable.NEW_LAYERS, warmup_steps=2),
    TrainingPhase(name="II-b", steps=3, trainable=Trainable.NEW_LAYERS),
)
PROMPT = "A red ball moves right over the meadow."
SAMPLING = SamplingConfig(bucket=SMALL, steps=2)


@pytest.fixture
def run(tiny_wan: Path, paper_checkpoints: TinyCheckpoints) -> RunConfig:
    """See `wan_run`."""
    return wan_run(tiny_wan, paper_checkpoints)


def wan_run(tiny_wan: Path, paper_checkpoints: TinyCheckpoints) -> RunConfig:
    """Two phases, with a checkpoint in the middle of each."""
    training = run_config(*PHASES, checkpoint_every_steps=2, checkpoints_kept=9).training
    pipeline = PipelineConfig(model=wan_config(tiny_wan), encoders=wan_encoders(tiny_wan, paper_checkpoints))
    return RunConfig(
        pipeline=pipeline,
        training=replace(
            training,
            data=replace(training.data, buckets=(SMALL,)),  # at 16 frames a second, of clips of 9 at 24
            execution=replace(training.execution, precision=Precision.BFLOAT16),
        ),
    )


class KilledError(Exception):
    """Stands for the end of the process."""


def kill_after(step: int) -> Callable[[StepReport], None]:
    def on_step(report: StepReport) -> None:
        if report.step == step:
            raise KilledError

    return on_step


def is_new(name: str) -> bool:
    return "personalization" in name or name.startswith("binding.")


def test_a_run_killed_in_both_phases_ends_bitwise_like_one_that_was_not_and_holds_the_new_layers_alone(
    run: RunConfig, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({LONG: 5})

    whole = train(run, dataset=dataset, output=tmp_path / "whole")
    for step in (3, 5):
        with pytest.raises(KilledError):
            train(run, dataset=dataset, output=tmp_path / "killed", on_step=kill_after(step))
    resumed = train(run, dataset=dataset, output=tmp_path / "killed")

    last = [read_tensors(checkpoint(output, 6)) for output in (tmp_path / "whole", tmp_path / "killed")]
    assert same(last[0], last[1])
    written = load_file(whole / "model.safetensors")
    assert same(written, load_file(resumed / "model.safetensors"))
    assert same(
        written,
        load_file(export_checkpoint(checkpoint(tmp_path / "whole", 6), tmp_path / "exported") / "model.safetensors"),
    )
    assert written
    assert all(map(is_new, written))
    assert all(is_new(name.split(".", 1)[1]) for name in last[0])  # weights, averages and moments alike
    assert not same(weights(checkpoint(tmp_path / "whole", 2)), weights(checkpoint(tmp_path / "whole", 6)))


def test_the_finished_pipeline_is_the_new_layers_on_the_base_that_they_name(
    run: RunConfig, tiny_wan: Path, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    saved = train(run, dataset=make_dataset({LONG: 5}), output=tmp_path / "run")
    picture = Image.new("RGBA", (30, 20), "red")

    pipeline = Pipeline.from_pretrained(saved, dtype=torch.bfloat16)

    base = dict(published(tiny_wan, torch.bfloat16).named_parameters())
    own = dict(pipeline.model.named_parameters())
    assert all(torch.equal(own[name], weight) and own[name].dtype == weight.dtype for name, weight in base.items())
    assert own.keys() - base.keys() == load_file(saved / "model.safetensors").keys()
    videos = [pipeline(PROMPT, references=given, sampling=SAMPLING) for given in ({}, {"ball": picture})]
    assert videos[0].shape == (SMALL.frames, SMALL.height, SMALL.width, 3)
    assert not np.array_equal(videos[0], videos[1])
    pipeline.save_pretrained(tmp_path / "again")
    assert load_file(tmp_path / "again" / "model.safetensors").keys() == own.keys() - base.keys()


def test_a_changed_base_is_refused_by_resume_and_by_the_pipeline(
    run: RunConfig, tiny_wan: Path, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    base, dataset = tmp_path / "wan", make_dataset({LONG: 5})
    shutil.copytree(tiny_wan, base)
    run = replace(run, pipeline=replace(run.pipeline, model=wan_config(base)))
    saved = train(run, dataset=dataset, output=tmp_path / "run")
    longer = replace(PHASES[1], steps=5)

    network = published(base)
    with torch.no_grad():
        network.proj_out.bias.add_(1)
    network.save_pretrained(base / "transformer")

    with pytest.raises(ValueError, match=rf"base {base / 'transformer'} has other files \(digest \w{{12}}\)"):
        Pipeline.from_pretrained(saved)
    with pytest.raises(ValueError, match=r"checkpoint .* was made by another config: pipeline.model.digest is"):
        train(
            replace(run, training=replace(run.training, phases=(PHASES[0], longer))),
            dataset=dataset,
            output=tmp_path / "run",
        )


def test_training_starts_from_the_new_layers_of_an_earlier_run(
    run: RunConfig, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({LONG: 5})
    first = train(run, dataset=dataset, output=tmp_path / "first")
    one_step = replace(PHASES[1], steps=1)
    config = replace(
        run,
        training=replace(
            run.training, phases=(one_step,), optimizer=replace(run.training.optimizer, learning_rate=0.0)
        ),
    )

    second = train(config, dataset=dataset, output=tmp_path / "second", start=first)

    assert same(load_file(second / "model.safetensors"), load_file(first / "model.safetensors"))


def test_a_cached_run_reads_the_null_text_from_the_cache(
    run: RunConfig, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({LONG: 5})
    cached = replace(
        run,
        training=replace(run.training, phases=PHASES[:1], data=replace(run.training.data, uses_cache=True, windows=1)),
    )
    store, encoders = SampleStore(dataset, (SMALL,), fps=16.0), build_encoders(run.pipeline.encoders)
    write_cache(store, encoders, device=torch.device("cpu"), windows=1)

    with pytest.raises(ValueError, match=r"null text: its text in the cache .* not made yet"):
        train(cached, dataset=dataset, output=tmp_path / "without")

    report = write_cache(store, encoders, device=torch.device("cpu"), windows=1, null_text="")
    assert report.encoded_captions == 1
    train(cached, dataset=dataset, output=tmp_path / "with")


@pytest.mark.parametrize(
    ("trainable", "message"),
    [
        (Trainable.ALL, r"training phase x trains all, expected new_layers, .*, because its model is published"),
        (Trainable.BACKBONE, "training phase x trains backbone, expected new_layers"),
    ],
)
def test_a_run_that_would_train_the_base_is_refused(run: RunConfig, trainable: Trainable, message: str) -> None:
    phase = TrainingPhase(name="x", steps=1, trainable=trainable)

    with pytest.raises(ValueError, match=message):
        replace(run, training=replace(run.training, phases=(phase,)))


class Plain(WanConfig):
    """A published model that neither compiles nor divides."""

    divides_clips = False
    compiles_blocks = False


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"devices_per_clip": 2}, "execution has devices_per_clip 2, expected 1"),
        ({"compiles": True}, "execution has compiles true, expected false"),
    ],
)
def test_a_run_that_would_compute_otherwise_than_the_model_can_is_refused(
    run: RunConfig, tiny_wan: Path, changes: dict[str, Any], message: str
) -> None:
    execution = replace(run.training.execution, **changes)
    replace(run, training=replace(run.training, execution=execution))
    plain = Plain(**{each.name: getattr(run.pipeline.model, each.name) for each in fields(WanConfig)})

    with pytest.raises(ValueError, match=message):
        RunConfig(pipeline=replace(run.pipeline, model=plain), training=replace(run.training, execution=execution))


def test_encoders_that_give_longer_texts_than_the_model_reads_are_refused(run: RunConfig, tiny_wan: Path) -> None:
    with pytest.raises(ValueError, match="encoders have max_text_tokens 32, expected at most the 16"):
        replace(run.pipeline, model=wan_config(tiny_wan, text_tokens=16))


def test_a_saved_pipeline_names_base_and_digest(
    run: RunConfig, tiny_wan: Path, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    one = replace(run, training=replace(run.training, phases=(replace(PHASES[0], steps=1, warmup_steps=0),)))

    saved = train(one, dataset=make_dataset({LONG: 5}), output=tmp_path)

    model = json.loads((saved / "config.json").read_text())["model"]
    assert (model["profile"], model["checkpoint"]) == ("wan", str(tiny_wan))
    assert model["digest"] == wan_config(tiny_wan).pinned().digest


@pytest.mark.slow  # processes that load torch and diffusers; those of the paper's model are in the default suite
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16], ids=str)
def test_two_processes_that_share_the_weights_end_like_one(
    run: RunConfig, make_dataset: MakeDataset, tmp_path: Path, precision: Precision
) -> None:
    data = replace(run.training.data, batching=BatchingConfig(tokens_per_device=12, devices_per_group=2))
    execution = replace(run.training.execution, precision=precision, recomputes_activations=True)
    run = replace(run, training=replace(run.training, data=data, execution=execution))
    dataset = make_dataset({LONG: 5})

    train(run, dataset=dataset, output=tmp_path / "one")
    train_together([Run(run, tmp_path / "two")], dataset, tmp_path)

    losses = [[line["loss"] for line in metrics(tmp_path / output)] for output in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5 if precision is Precision.FLOAT32 else 1e-2)
    ends = [load_file(tmp_path / output / "pipeline" / "model.safetensors") for output in ("one", "two")]
    moved = largest_difference(ends[0], weights(checkpoint(tmp_path / "one", 2)))
    assert largest_difference(*ends) < (0.01 if precision is Precision.FLOAT32 else 0.3) * moved


# 3 x 3 x 3 latent tokens at 16 frames a second, so that two devices cannot share them equally.
ODD = Bucket(9, 48, 48)


@pytest.mark.slow  # processes that load torch and diffusers; those of the paper's model are in the default suite
def test_two_devices_that_divide_each_clip_train_what_one_trains(
    run: RunConfig, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = replace(
        run.training.data,
        buckets=(ODD,),
        batching=BatchingConfig(tokens_per_device=27, devices_per_group=2),
        image_dropout=0.4,
    )
    phases = (PHASES[0], TrainingPhase(name="II-b", steps=3, trainable=Trainable.NEW_LAYERS_AND_ADAPTERS))
    one = replace(
        run,
        training=replace(
            run.training,
            data=data,
            phases=phases,
            lora=LoraConfig(rank=2),
            execution=replace(run.training.execution, precision=Precision.FLOAT32),
            validation=ValidationConfig(every_steps=6, sampling=DenoisingConfig(steps=2), clips=1),
        ),
    )
    execution = replace(one.training.execution, devices_per_clip=2, recomputes_activations=True)
    two = replace(one, training=replace(one.training, execution=execution))
    dataset = make_dataset({Bucket(17, 48, 48): 5})

    train(one, dataset=dataset, output=tmp_path / "one")
    train_together([Run(two, tmp_path / "two")], dataset, tmp_path)

    columns = [
        [[line[name] for line in metrics(tmp_path / output)] for name in ("loss", "gradient_norm")]
        for output in ("one", "two")
    ]
    assert columns[0][0] == pytest.approx(columns[1][0], rel=1e-5)
    assert columns[0][1] == pytest.approx(columns[1][1], rel=1e-4)
    ends = [read_tensors(checkpoint(tmp_path / output, 6)) for output in ("one", "two")]
    begun = read_tensors(checkpoint(tmp_path / "one", 2))
    moved = largest_difference(ends[0], {name: begun.get(name, tensor) for name, tensor in ends[0].items()})
    assert largest_difference(*ends) < 0.01 * moved
    assert len(list((tmp_path / "two" / "samples" / "step-00000006").glob("*.mp4"))) == 1
