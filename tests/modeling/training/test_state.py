"""What a run remembers goes on over the border of two training phases, and from one run into another."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.sampling.flow import FlowConfig
from modeling.training.checkpoint import read_tensors
from modeling.training.config import TrainingPhase
from modeling.training.loop import train
from modeling.training.optimizer import OptimizerConfig
from tests.modeling.training.small_runs import (
    PHASES,
    SMALL,
    KilledError,
    checkpoint,
    kill_after,
    metrics,
    run_config,
    same,
)

MakeDataset = Callable[..., Path]
Tensors = Mapping[str, torch.Tensor]

II_A = TrainingPhase(name="II-a", steps=3, trainable=Trainable.NEW_LAYERS)
II_B = TrainingPhase(name="II-b", steps=2, trainable=Trainable.ALL)
MUON = OptimizerConfig(learning_rate=1e-3, gradient_clip=1.0, matrix_learning_rate=1e-3)
STILL = OptimizerConfig(learning_rate=0.0, gradient_clip=1.0)


def part(tensors: Tensors, kind: str, *, new_layers: bool) -> dict[str, torch.Tensor]:
    """Of one kind, `weights` or `average`, those of the new layers or of the backbone, by their own names."""
    own = {name.removeprefix(f"{kind}."): value for name, value in tensors.items() if name.startswith(f"{kind}.")}
    return {name: value for name, value in own.items() if Trainable.NEW_LAYERS.admits(name) == new_layers}


def steps_taken(tensors: Tensors, *, new_layers: bool) -> set[float]:
    """How many steps AdamW counts for the weights of the new layers or of the backbone."""
    counted = {name.removesuffix(".step"): value for name, value in tensors.items() if name.endswith(".step")}
    return {value.item() for value in part(counted, "optimizer", new_layers=new_layers).values()}


def moved(average: Tensors, weights: Tensors, *, updates: int, decay: float = 0.9) -> dict[str, torch.Tensor]:
    """An average after one more update, as `WeightAverage` documents it."""
    share = 1 - min(decay, (1 + updates) / (10 + updates))
    return {name: average[name] + share * (weights[name] - average[name]) for name in average}


def assert_close(found: Tensors, expected: Tensors) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-7)


@pytest.mark.parametrize("optimizer", [OptimizerConfig(learning_rate=1e-3, gradient_clip=1.0), MUON])
def test_a_border_of_phases_that_train_the_same_changes_nothing(
    make_dataset: MakeDataset, tmp_path: Path, optimizer: OptimizerConfig
) -> None:
    dataset, one = make_dataset({SMALL: 5}), replace(II_B, steps=6)
    halves = [replace(II_B, name=name, steps=3) for name in ("first", "second")]

    train(run_config(one, optimizer=optimizer), dataset=dataset, output=tmp_path / "one")
    train(run_config(*halves, optimizer=optimizer), dataset=dataset, output=tmp_path / "halves")

    assert same(*(read_tensors(checkpoint(tmp_path / name, 6)) for name in ("one", "halves")))


@pytest.mark.parametrize("optimizer", [OptimizerConfig(learning_rate=1e-3, gradient_clip=1.0), MUON])
def test_a_run_killed_at_the_borders_of_its_phases_ends_bitwise_like_one_that_was_not(
    make_dataset: MakeDataset, tmp_path: Path, optimizer: OptimizerConfig
) -> None:
    dataset = make_dataset({SMALL: 5})
    config = run_config(*PHASES, checkpoint_every_steps=2, optimizer=optimizer)
    train(config, dataset=dataset, output=tmp_path / "whole")

    for border in (2, 6):
        with pytest.raises(KilledError):
            train(config, dataset=dataset, output=tmp_path / "killed", on_step=kill_after(border))
        assert checkpoint(tmp_path / "killed", border).is_dir()
    train(config, dataset=dataset, output=tmp_path / "killed")

    last = [read_tensors(checkpoint(tmp_path / name, 8)) for name in ("whole", "killed")]
    assert same(*last)
    losses = [[line["loss"] for line in metrics(tmp_path / name)] for name in ("whole", "killed")]
    assert losses[0] == losses[1]


def test_what_is_trained_on_keeps_moments_and_average_and_what_joins_begins(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    config = run_config(II_A, II_B, checkpoint_every_steps=1, checkpoints_kept=9)
    train(config, dataset=make_dataset({SMALL: 5}), output=tmp_path)

    before, after, last = (read_tensors(checkpoint(tmp_path, step)) for step in (3, 4, 5))

    assert steps_taken(last, new_layers=True) == {5}
    assert steps_taken(last, new_layers=False) == {2}
    for new_layers, updates in ((True, 3), (False, 0)):
        average = part(before, "average", new_layers=new_layers)
        weights = part(after, "weights", new_layers=new_layers)
        assert_close(part(after, "average", new_layers=new_layers), moved(average, weights, updates=updates))


def test_weights_that_a_phase_stops_training_take_their_average(make_dataset: MakeDataset, tmp_path: Path) -> None:
    backbone = TrainingPhase(name="I", steps=3, trainable=Trainable.BACKBONE, uses_references=False)
    config = run_config(backbone, II_A, checkpoint_every_steps=3, checkpoints_kept=9)
    dataset = make_dataset({SMALL: 5})
    pipeline = train(config, dataset=dataset, output=tmp_path / "run")

    end_of_i, end = (read_tensors(checkpoint(tmp_path / "run", step)) for step in (3, 6))

    kept = part(end_of_i, "average", new_layers=False)
    assert not same(kept, part(end_of_i, "weights", new_layers=False))
    assert same(kept, part(end, "weights", new_layers=False))
    assert same(kept, part(end, "average", new_layers=False))
    finished = load_file(pipeline / "model.safetensors")
    assert all(torch.equal(finished[name], weight) for name, weight in kept.items())
    # As in a run of its own that starts from the pipeline of phase I.
    text_model = train(run_config(backbone), dataset=dataset, output=tmp_path / "I")
    other = train(run_config(II_A), dataset=dataset, output=tmp_path / "II", start=text_model)
    assert all(torch.equal(load_file(other / "model.safetensors")[name], weight) for name, weight in kept.items())


def test_only_the_weights_that_join_warm_up(make_dataset: MakeDataset, tmp_path: Path) -> None:
    """With a rate that hardly rises, the backbone hardly moves, and the new layers move as without a warm-up."""
    dataset, sizes = make_dataset({SMALL: 5}), {}
    for warmup_steps in (0, 1_000):
        output = tmp_path / str(warmup_steps)
        config = run_config(II_A, replace(II_B, steps=1, warmup_steps=warmup_steps), checkpoint_every_steps=3)
        train(config, dataset=dataset, output=output)
        before, after = (read_tensors(checkpoint(output, step)) for step in (3, 4))
        for new_layers in (True, False):
            weights = [part(each, "weights", new_layers=new_layers) for each in (before, after)]
            sizes[warmup_steps, new_layers] = sum(
                (weights[1][name] - weight).square().sum().item() for name, weight in weights[0].items()
            )

    assert sizes[1_000, False] == pytest.approx(1e-6 * sizes[0, False], rel=1e-2)
    assert sizes[1_000, True] == sizes[0, True]
    assert metrics(tmp_path / "1000")[-1]["learning_rate"] == pytest.approx(1e-6)


@pytest.mark.parametrize("named", ["output", "checkpoint"])
def test_a_run_that_starts_from_another_run_takes_its_moments_and_averages_along(
    make_dataset: MakeDataset, tmp_path: Path, named: str
) -> None:
    dataset = make_dataset({SMALL: 5})
    base = train(run_config(II_B, seed=3), dataset=dataset, output=tmp_path / "base")
    train(run_config(II_A), dataset=dataset, output=tmp_path / "II-a", start=base)
    start = tmp_path / "II-a" if named == "output" else checkpoint(tmp_path / "II-a", 3)

    train(
        run_config(II_B, optimizer=STILL, checkpoint_every_steps=1),
        dataset=dataset,
        output=tmp_path / "II-b",
        start=start,
    )

    before = read_tensors(checkpoint(tmp_path / "II-a", 3))
    first, last = (read_tensors(checkpoint(tmp_path / "II-b", step)) for step in (1, 2))
    assert steps_taken(last, new_layers=True) == {5}
    assert steps_taken(last, new_layers=False) == {2}
    weights = part(before, "weights", new_layers=True)
    assert same(weights, part(first, "weights", new_layers=True))  # as they were, not their average
    expected = moved(part(before, "average", new_layers=True), weights, updates=3)
    assert_close(part(first, "average", new_layers=True), expected)
    of_base = load_file(base / "model.safetensors")
    backbone = part(first, "weights", new_layers=False)
    assert backbone
    assert all(torch.equal(of_base[name], weight) for name, weight in backbone.items())


def test_a_run_that_went_on_from_another_needs_it_no_more_and_resumes_bitwise(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({SMALL: 5})
    config = run_config(replace(II_B, steps=4, warmup_steps=3), checkpoint_every_steps=2)
    train(run_config(II_A), dataset=dataset, output=tmp_path / "II-a")
    train(config, dataset=dataset, output=tmp_path / "whole", start=tmp_path / "II-a")
    with pytest.raises(KilledError):
        train(config, dataset=dataset, output=tmp_path / "killed", start=tmp_path / "II-a", on_step=kill_after(3))
    shutil.rmtree(tmp_path / "II-a")

    train(config, dataset=dataset, output=tmp_path / "killed")

    assert same(*(read_tensors(checkpoint(tmp_path / name, 4)) for name in ("whole", "killed")))


def test_new_layers_go_on_in_another_run_beside_the_pipeline_that_the_first_began_from(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({SMALL: 5})
    base = train(run_config(II_B), dataset=dataset, output=tmp_path / "base")
    train(run_config(II_A), dataset=dataset, output=tmp_path / "first", start=base)

    pipeline = train(run_config(II_A), dataset=dataset, output=tmp_path / "second", start=tmp_path / "first")

    assert steps_taken(read_tensors(checkpoint(tmp_path / "second", 3)), new_layers=True) == {6}
    before, after = load_file(base / "model.safetensors"), load_file(pipeline / "model.safetensors")
    unchanged = {name for name in before if torch.equal(before[name], after[name])}
    assert unchanged == {name for name in before if not Trainable.NEW_LAYERS.admits(name)}


def test_a_run_does_not_go_on_from_a_checkpoint_that_does_not_suit_it(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config(II_B)
    train(run_config(II_A), dataset=dataset, output=tmp_path / "II-a")
    train(config, dataset=dataset, output=tmp_path / "II-b")
    other = replace(config, pipeline=replace(config.pipeline, flow=FlowConfig(base_shift=2.0)))
    adapters = TrainingPhase(name="personal", steps=1, trainable=Trainable.ADAPTERS)

    for start, wanted, message in (
        ("II-a", other, r"step-00000003 does not suit this config: flow\.base_shift is 1\.0, expected 2\.0"),
        ("II-a", run_config(II_B, optimizer=MUON), r"matrix_learning_rate is None, expected 0\.001"),
        ("II-b", run_config(adapters, lora=LoraConfig()), r"training\.lora is None, expected LoraConfig"),
        ("II-b", run_config(II_A), r"step-00000002 holds \d+ weights that this run never trains.*`export`"),
        ("II-a", run_config(II_A, seed=1), r"drawn from the seed of checkpoint .*, 0, and training\.seed is 1"),
    ):
        with pytest.raises(ValueError, match=message):
            train(wanted, dataset=dataset, output=tmp_path / "refused", start=tmp_path / start)
