"""Checkpoints: a directory that is a pipeline, plus what training needs to continue exactly.

The state of training is weights, optimizer and the step number; data, noise and dropout follow from the step.
"""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modeling.pipeline import CONFIG_NAME, WEIGHTS_NAME
from modeling.saved_config import differing_fields, read_config, write_config
from modeling.training_config import RunConfig, TrainingConfig, stage_at

_RUN_NAME = "run.json"
_STATE_NAME = "state.json"
_OPTIMIZER_NAME = "optimizer.pt"
_AVERAGE_NAME = "average.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """Training after `step` steps.

    Attributes:
        skipped_steps: steps whose loss or gradient was not finite.
        optimizer: state of the optimizer, for the weights that its training stage changes.
        average: averaged weights; None where the run keeps none.
    """

    step: int
    skipped_steps: int
    weights: dict[str, Tensor]
    average: dict[str, Tensor] | None
    optimizer: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, config: RunConfig) -> Path:
    """Write `folder/step-N`, whole or not at all, then delete the oldest beyond the number to keep.

    One process at a time may write to `folder`.
    """
    path = folder / f"step-{checkpoint.step:08d}"
    for abandoned in folder.glob(".step-*.tmp"):
        shutil.rmtree(abandoned)
    unfinished = folder / f".{path.name}.tmp"
    unfinished.mkdir(parents=True)
    write_config(unfinished / CONFIG_NAME, config.pipeline)
    write_config(unfinished / _RUN_NAME, config)
    state = {"step": checkpoint.step, "skipped_steps": checkpoint.skipped_steps}
    (unfinished / _STATE_NAME).write_text(json.dumps(state) + "\n", encoding="utf-8")
    save_file(checkpoint.weights, unfinished / WEIGHTS_NAME)
    if checkpoint.average is not None:
        save_file(checkpoint.average, unfinished / _AVERAGE_NAME)
    torch.save(checkpoint.optimizer, unfinished / _OPTIMIZER_NAME)
    shutil.rmtree(path, ignore_errors=True)
    unfinished.rename(path)
    for old in _finished(folder)[: -config.training.checkpoints_kept]:
        shutil.rmtree(old)
    return path


def load_latest_checkpoint(folder: Path, config: RunConfig, *, device: torch.device) -> Checkpoint | None:
    """The newest finished checkpoint, or None where there is none.

    Raises:
        ValueError: it was made by another config; the message names the fields.
    """
    found = _finished(folder)
    return load_checkpoint(found[-1], config, device=device) if found else None


def load_checkpoint(path: Path, config: RunConfig, *, device: torch.device) -> Checkpoint:
    """Read a checkpoint that this config, or one with other step counts from here on, made."""
    state = json.loads((path / _STATE_NAME).read_text(encoding="utf-8"))
    _check_same_run(path, read_config(path / _RUN_NAME, RunConfig), config, step=state["step"])
    average = path / _AVERAGE_NAME
    return Checkpoint(
        step=state["step"],
        skipped_steps=state["skipped_steps"],
        weights=load_file(path / WEIGHTS_NAME, device=str(device)),
        average=load_file(average, device=str(device)) if average.is_file() else None,
        optimizer=torch.load(path / _OPTIMIZER_NAME, map_location=device, weights_only=True),
    )


def _finished(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _check_same_run(path: Path, found: RunConfig, expected: RunConfig, *, step: int) -> None:
    if step > expected.training.steps:
        raise ValueError(
            f"checkpoint {path} is at step {step}, after the {expected.training.steps} steps of this config; "
            "raise its steps, or start in an empty directory"
        )
    differences = differing_fields(_past(found, step), _past(expected, step))
    if differences:
        raise ValueError(
            f"checkpoint {path} was made by another config: {'; '.join(differences)}; use the config in "
            f"{path / _RUN_NAME}, or start in an empty directory"
        )


def _past(config: RunConfig, step: int) -> RunConfig:
    """The config without what cannot have mattered until `step`: how long training goes on, and how it reports."""
    training = config.training
    current, _ = stage_at(training.stages, step - 1)
    stages = (*training.stages[:current], replace(training.stages[current], steps=1))
    reporting = TrainingConfig()
    past = replace(
        training,
        stages=stages,
        log_every_steps=reporting.log_every_steps,
        reference_gain_every_steps=reporting.reference_gain_every_steps,
        checkpoint_every_steps=reporting.checkpoint_every_steps,
        checkpoints_kept=reporting.checkpoints_kept,
    )
    return replace(config, training=past)
