"""Training on a device takes the steps that it takes on a CPU, alone, sharded, compiled and after an interruption.

Each test runs on the CPU by default, and on a GPU with `make test-gpu`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.utils import clip_grad_norm_

from modeling.model.conditions import Conditions
from modeling.model.costs import Workload, peak_flops_per_s, workload_of
from modeling.model.dit import DiTConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision, computing_in
from modeling.model.weights import empty_model, fill, fresh_weights
from modeling.training.config import RunConfig
from modeling.training.ema import WeightAverage
from modeling.training.loop import train
from modeling.training.memory import StepSetup, step_memory
from modeling.training.objective import EncodedBatch, velocity_loss
from modeling.training.optimizer import Optimizer, OptimizerConfig
from modeling.training.parallel import ExecutionConfig, Team
from storage.configs import write_config
from tests.modeling.training.held_tensors import LiveBytes, cpu_extra, draw_conditions
from tests.modeling.training.small_runs import PHASES, PLAIN, SMALL, checkpoint, metrics, run_config

MakeDataset = Callable[..., Path]

HALF = replace(PLAIN, precision=Precision.BFLOAT16)


def config_of(execution: ExecutionConfig, **training: object) -> RunConfig:
    """Without dropout, whose draws are those of a device."""
    return run_config(*PHASES, dropout=0.0, execution=execution, checkpoint_every_steps=4, **training)


def column(output: Path, name: str) -> list[Any]:
    return [line[name] for line in metrics(output)]


def test_float32_on_a_device_takes_the_cpus_steps(make_dataset: MakeDataset, tmp_path: Path, device: str) -> None:
    dataset = make_dataset({SMALL: 5})

    train(config_of(PLAIN), dataset=dataset, output=tmp_path / "cpu")
    train(config_of(PLAIN), dataset=dataset, output=tmp_path / "there", device=device)

    # Rounding, which the optimizer amplifies in gradients near zero; bfloat16 is off by some 1e-3.
    for name in ("loss", "gradient_norm"):
        assert column(tmp_path / "there", name) == pytest.approx(column(tmp_path / "cpu", name), rel=2e-4)
    gains = [[gain for gain in column(tmp_path / name, "reference_gain") if gain] for name in ("cpu", "there")]
    assert len(gains[0]) == 5  # after the first step with references, then every second
    assert gains[1] == [pytest.approx(gain, abs=1e-5) for gain in gains[0]]


def test_bfloat16_on_a_device_stays_near_the_cpus_float32(
    make_dataset: MakeDataset, tmp_path: Path, device: str
) -> None:
    dataset = make_dataset({SMALL: 5})

    train(config_of(PLAIN), dataset=dataset, output=tmp_path / "exact")
    train(config_of(HALF), dataset=dataset, output=tmp_path / "half", device=device)

    assert column(tmp_path / "half", "loss") == pytest.approx(column(tmp_path / "exact", "loss"), rel=2e-2)
    assert column(tmp_path / "half", "loss") != column(tmp_path / "exact", "loss")


def test_the_share_of_the_peak_is_told_where_it_is_known(
    make_dataset: MakeDataset, tmp_path: Path, device: str
) -> None:
    train(config_of(HALF), dataset=make_dataset({SMALL: 5}), output=tmp_path / "run", device=device)

    peak = None if device == "cpu" else peak_flops_per_s(torch.cuda.get_device_name(device))
    for flops, share in zip(*(column(tmp_path / "run", name) for name in ("model_tflops_per_s", "mfu")), strict=True):
        assert flops > 0
        assert share == (None if peak is None else pytest.approx(1e12 * flops / peak))


def test_an_interrupted_run_goes_on_on_a_device(make_dataset: MakeDataset, tmp_path: Path, device: str) -> None:
    dataset = make_dataset({SMALL: 5})
    train(config_of(PLAIN), dataset=dataset, output=tmp_path / "whole", device=device)
    shutil.copytree(checkpoint(tmp_path / "whole", 4), checkpoint(tmp_path / "resumed", 4))

    train(config_of(PLAIN), dataset=dataset, output=tmp_path / "resumed", device=device)

    # A GPU's kernels that sum in any order differ by rounding from run to run, which the optimizer amplifies.
    resumed, whole = (column(tmp_path / name, "loss") for name in ("resumed", "whole"))
    assert resumed == pytest.approx(whole[4:], rel=0 if device == "cpu" else 1e-4)


@pytest.mark.parametrize(
    ("execution", "most"),
    [
        pytest.param(PLAIN, 1e-4, marks=pytest.mark.slow),
        (HALF, 1e-2),
    ],  # shards are rounded to bfloat16 as they are gathered
    ids=["float32", "bfloat16"],
)
def test_one_process_that_shards_takes_the_steps_of_one_that_does_not(
    make_dataset: MakeDataset, tmp_path: Path, device: str, execution: ExecutionConfig, most: float
) -> None:
    dataset, config = make_dataset({SMALL: 5}), config_of(execution)
    train(config, dataset=dataset, output=tmp_path / "alone", device=device)

    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
    train_elsewhere("train_on_device.py", config, dataset, tmp_path / "sharded", device=device, launcher=launcher)

    assert column(tmp_path / "sharded", "loss") == pytest.approx(column(tmp_path / "alone", "loss"), rel=most)


@pytest.mark.timeout(1200)  # a CPU's compiler takes minutes
@pytest.mark.parametrize(
    "device", [pytest.param("cpu", marks=pytest.mark.slow), pytest.param("cuda", marks=pytest.mark.gpu)]
)
@pytest.mark.parametrize(
    ("precision", "most"),
    [(Precision.FLOAT32, 1e-4), (Precision.BFLOAT16, 1e-2)],  # what is fused is not rounded in between
)
def test_compiled_blocks_take_the_steps_of_plain_ones(
    make_dataset: MakeDataset, tmp_path: Path, device: str, precision: Precision, most: float
) -> None:
    dataset, plain = make_dataset({SMALL: 5}), replace(PLAIN, precision=precision, recomputes_activations=True)
    train(config_of(plain), dataset=dataset, output=tmp_path / "plain", device=device)

    compiled = config_of(replace(plain, compiles=True))
    graphs = train_elsewhere("train_compiled.py", compiled, dataset, tmp_path / "compiled", device=device)

    assert int(graphs) > 0
    assert column(tmp_path / "compiled", "loss") == pytest.approx(column(tmp_path / "plain", "loss"), rel=most)


def train_elsewhere(
    script: str, config: RunConfig, dataset: Path, output: Path, *, device: str, launcher: Sequence[str] = ()
) -> str:
    """Train in another process, by a script that stands beside this file; returns what it prints."""
    path = output.with_suffix(".json")
    write_config(path, config)
    done = subprocess.run(
        [sys.executable, *launcher, str(Path(__file__).with_name(script)), device, str(path), dataset, output],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A model and a batch: on a GPU so large that a kernel's own memory, tens of MiB, does not count."""

    config: DiTConfig
    latents: tuple[int, ...]


SIZES = {
    "cpu": Size(
        config=DiTConfig(width=256, blocks=3, heads=2, text_channels=64, image_channels=64, dropout=0.0),
        latents=(2, 16, 5, 16, 16),
    ),
    "cuda": Size(config=DiTConfig(width=2048, blocks=8, heads=16, dropout=0.0), latents=(2, 16, 9, 36, 64)),
}


@pytest.mark.parametrize("trainable", [Trainable.NEW_LAYERS, Trainable.ALL])
def test_a_step_occupies_what_describe_says(device: str, trainable: Trainable) -> None:
    size = SIZES[device]
    latents = torch.randn(size.latents)
    conditions = draw_conditions(size.config, clips=len(latents), text=256, images=6)
    workload = workload_of(latents, conditions)
    execution = ExecutionConfig(precision=Precision.BFLOAT16, recomputes_activations=True, compiles=False)
    setup = StepSetup(trainable=trainable, execution=execution, trained_by_run=(trainable,), averages_weights=True)

    measured = step_bytes(torch.device(device), size.config, latents, conditions, setup)

    described = step_memory(size.config, workload, setup).total + unfused_bytes(device, size.config, workload)
    # `describe` leaves a tenth of a device free for what it does not count. What is frozen keeps less for the backward
    # pass than it counts, and the whole copy of the matrices is gone by then; it should not ask for much more.
    assert 0.75 * described < measured < described / 0.9


def step_bytes(
    device: torch.device, config: DiTConfig, latents: torch.Tensor, conditions: Conditions, setup: StepSetup
) -> int:
    """The most that tensors occupy on the device in a step that is not the first, of two turns, weights included."""
    batch = EncodedBatch(latents=latents.to(device), conditions=conditions.to(device))
    steps = _steps(device, config, batch, setup)
    if device.type == "cpu":
        with LiveBytes([batch.latents, batch.conditions.text]) as live:
            next(steps)
            next(steps)
        return int(live.most)
    inputs = torch.cuda.memory_allocated(device)
    next(steps)
    torch.cuda.reset_peak_memory_stats(device)
    next(steps)
    return int(torch.cuda.max_memory_allocated(device)) - inputs


def _steps(device: torch.device, config: DiTConfig, batch: EncodedBatch, setup: StepSetup) -> Iterator[None]:
    """Takes a step whenever it is asked to."""
    admits = setup.trainable.admits
    model = Team(device).prepare(empty_model(config), setup.execution, is_trained=admits).to_empty(device=device)
    fill(model, fresh_weights(config, seed=0), source="fresh weights")
    for name, weight in model.named_parameters():
        weight.requires_grad_(admits(name))
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    optimizer = Optimizer(trained, OptimizerConfig())
    average = WeightAverage(model, 0.999, is_trained=admits)
    model.train()
    while True:
        for _ in range(2):
            with computing_in(setup.execution.precision, device):
                loss = velocity_loss(
                    model,
                    batch,
                    noise=torch.randn_like(batch.latents),
                    timesteps=torch.rand(len(batch.latents), device=device),
                    shows_estimate=False,
                )
            torch.autograd.backward(loss)
            del loss
        clip_grad_norm_([weight for _, weight in trained], 1.0)
        optimizer.step(1.0)
        average.update(model, dict.fromkeys(average.weights, 1))
        optimizer.zero_grad()
        yield


def unfused_bytes(device: str, config: DiTConfig, workload: Workload) -> int:
    """What a CPU holds beside what the estimate counts, which is of a GPU's kernels: of the one block at work."""
    return cpu_extra(config, workload, blocks=1) if device == "cpu" else 0
