"""Training runs that take a second, and what they leave behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from dataset_schema import Bucket
from modeling.data.batches import DataConfig
from modeling.data.schedule import BatchingConfig
from modeling.model.dit import DiTConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.sampling.flow import FlowConfig
from modeling.sampling.pipeline import PipelineConfig
from modeling.training.checkpoint import read_tensors
from modeling.training.config import (
    RunConfig,
    TrainingConfig,
    TrainingPhase,
    ValidationConfig,
)
from modeling.training.optimizer import OptimizerConfig
from modeling.training.parallel import ExecutionConfig
from modeling.training.presets import tiny
from modeling.training.run_log import StepReport

SMALL, LONG = Bucket(5, 32, 48), Bucket(9, 32, 48)

PLAIN = ExecutionConfig(precision=Precision.FLOAT32, recomputes_activations=False, compiles=False)

PHASES = (
    TrainingPhase(name="I", steps=2, trainable=Trainable.BACKBONE, uses_references=False),
    TrainingPhase(name="II-a", steps=4, trainable=Trainable.NEW_LAYERS, warmup_steps=2),
    TrainingPhase(name="II-b", steps=2, trainable=Trainable.ALL),
)


def run_config(*phases: TrainingPhase, dropout: float = 0.1, **training: object) -> RunConfig:
    """A model of 100,000 weights; six joint steps on batches of four short clips if nothing else is said."""
    model = DiTConfig(width=32, blocks=2, heads=2, text_channels=64, image_channels=64, dropout=dropout)
    values: dict[str, object] = {
        "phases": phases or (TrainingPhase(name="joint", steps=6, trainable=Trainable.ALL, warmup_steps=2),),
        "data": DataConfig(batching=BatchingConfig(tokens_per_device=4 * 12, devices_per_group=1)),
        "optimizer": OptimizerConfig(learning_rate=1e-3, gradient_clip=1.0),
        "self_conditioning_probability": 0.5,
        "ema_decay": 0.9,
        "reference_gain_every_steps": 2,
        "execution": PLAIN,
        "validation": ValidationConfig(every_steps=0),
    }
    return RunConfig(
        pipeline=PipelineConfig(model=model, encoders=tiny().pipeline.encoders, flow=FlowConfig()),
        training=TrainingConfig(**{**values, **training}),  # type: ignore[arg-type]  # names are those of its fields
    )


class KilledError(Exception):
    """Stands for the end of the process."""


def kill_after(step: int) -> Callable[[StepReport], None]:
    """An `on_step` that ends the process after a step."""

    def on_step(report: StepReport) -> None:
        if report.step == step:
            raise KilledError

    return on_step


def checkpoint(output: Path, step: int) -> Path:
    """Where a run leaves its checkpoint of a step."""
    return output / "checkpoints" / f"step-{step:08d}"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights in a checkpoint."""
    found = read_tensors(folder)
    return {name.removeprefix("weights."): tensor for name, tensor in found.items() if name.startswith("weights.")}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    """Whether all tensors are bitwise equal."""
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def largest_difference(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> float:
    """Of any number in any tensor."""
    assert left.keys() == right.keys()
    return max((left[name] - right[name]).abs().max().item() for name in left)


def metrics(output: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics."""
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
