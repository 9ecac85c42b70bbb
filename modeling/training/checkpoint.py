"""Checkpoints of a run: weights, their average, the optimizer's state and the step number, sharded as the model is.

Data, noise and dropout follow from the step, so that is all there is to save. Any number of processes can continue what
any other number wrote (torch.distributed.checkpoint).
"""

import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save

from modeling.training.base import Base
from modeling.training.config import RunConfig, TrainingConfig, phase_at
from modeling.training.ema import WeightAverage
from modeling.training.optimizer import Optimizer
from modeling.training.parallel import Team
from modeling.training.trained_on import TrainedOn
from storage.configs import differing_fields, read_config, to_plain, write_config
from storage.whole_files import publish, unfinished

_RUN_NAME = "run.json"
_STATE_NAME = "state.json"
_TENSORS_NAME = "tensors"

_WEIGHTS = "weights."
_AVERAGE = "average."

Tensors = dict[str, Tensor]


@dataclass(slots=True, kw_only=True)
class Done:
    """How far training has come.

    Attributes:
        step: steps done.
        skipped_steps: those of them whose loss or gradient was not finite; `skipped_in_a_row` are the last ones.
        skipped_clips: of the last skipped step.
    """

    step: int = 0
    skipped_steps: int = 0
    skipped_in_a_row: int = 0
    skipped_clips: tuple[str, ...] = ()


class Checkpoints:
    """Reads and writes the checkpoints of one run; `folder/step-N` exists only when it is complete.

    Args:
        folder: of the run's checkpoints; one run at a time may write there.
        config: of the run.
        team: the processes that save together.
        data: what the run trains on.
        base: what it began from.

    Raises:
        ValueError: the config holds what no file can, such as a solver of one's own.
    """

    def __init__(self, folder: Path, config: RunConfig, team: Team, data: TrainedOn, base: Base) -> None:
        to_plain(config)  # what no checkpoint could hold is refused before the first step
        self._folder = folder
        self._config = config
        self._team = team
        self._data = data
        self._base = base
        self._pending: tuple[Future[Any], Path, Done] | None = None
        # Saving goes on while training does, so it must not talk among the messages of training.
        self._group = None if team.is_alone else dist.new_group(backend="gloo")
        if team.is_alone:
            _expect_no_other_process()
        if team.is_first:
            for abandoned in folder.glob(".step-*.tmp"):
                shutil.rmtree(abandoned)
        team.wait()

    def save(self, tensors: Tensors, done: Done) -> None:
        """Begin to write a checkpoint; training may change the tensors as soon as this returns.

        Raises:
            OSError: the checkpoint before this could not be written.
        """
        self.finish()
        path = self._folder / f"step-{done.step:08d}"
        response = async_save(
            dict(tensors),
            checkpoint_id=unfinished(path) / _TENSORS_NAME,
            process_group=self._group,
            no_dist=self._team.is_alone,
        )
        future = response if isinstance(response, Future) else response.upload_completion
        self._pending = future, path, replace(done)

    def finish(self) -> None:
        """Wait until the checkpoint being written is complete, then delete the oldest beyond the number to keep.

        Raises:
            OSError: it could not be written; the one before it is still there.
        """
        if self._pending is None:
            return
        (future, path, done), self._pending = self._pending, None
        try:
            future.result()
        except (CheckpointException, OSError) as error:
            raise OSError(
                f"checkpoint {path} could not be written ({_reason(error)}); free some space or choose another output, "
                "then run the same command again: it goes on from the checkpoint before"
            ) from error
        if self._team.is_first:
            self._publish(path, done)
        self._team.wait()

    def expect_own(self, path: Path) -> Done:
        """How far the run had come that made a checkpoint, if this config can go on with it.

        Raises:
            ValueError: it was made by a config that differs in more than the step counts from there on; the message
                names the fields.
        """
        done = read_done(path)
        _check_same_run(path, read_run(path), self._config, step=done.step)
        return done

    def load(self, path: Path, tensors: Tensors) -> None:
        """Read some tensors of a checkpoint, whichever run made it."""
        load(
            dict(tensors),
            checkpoint_id=path / _TENSORS_NAME,
            process_group=self._group,
            no_dist=self._team.is_alone,
        )

    def _publish(self, path: Path, done: Done) -> None:
        write_config(unfinished(path) / _RUN_NAME, self._config)
        self._data.write(unfinished(path))
        self._base.write(unfinished(path))
        write_config(unfinished(path) / _STATE_NAME, done)
        publish(path)
        for old in finished_checkpoints(self._folder)[: -self._config.training.checkpoints_kept]:
            shutil.rmtree(old)


def finished_checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    return sorted(folder.glob("step-*"))


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a run, if there is one."""
    found = finished_checkpoints(folder)
    return found[-1] if found else None


def checkpoint_at(path: Path) -> Path | None:
    """The checkpoint at a path, or the newest of the run that has its output there, if there is one."""
    return path if (path / _STATE_NAME).is_file() else latest_checkpoint(path / "checkpoints")


def read_done(path: Path) -> Done:
    """How far training had come."""
    return read_config(path / _STATE_NAME, Done)


def read_run(path: Path, *, trusts_code: bool = False) -> RunConfig:
    """The config of the run that made a checkpoint; `trusts_code` as in `Pipeline.from_pretrained`."""
    return read_config(path / _RUN_NAME, RunConfig, trusts_code=trusts_code)


def read_tensors(path: Path, names: Iterable[str] | None = None) -> Tensors:
    """The tensors of a checkpoint, or those of some names, whole, in this process alone."""
    stored = _stored(path)
    wanted = stored if names is None else {name: stored[name] for name in names}
    tensors = {name: torch.empty(item.size, dtype=item.properties.dtype) for name, item in wanted.items()}
    with warnings.catch_warnings():
        _expect_no_other_process()
        load(dict(tensors), checkpoint_id=path / _TENSORS_NAME, no_dist=True)
    return tensors


def stored_names(path: Path) -> frozenset[str]:
    """The tensors of a checkpoint."""
    return frozenset(_stored(path))


def weight_tensors(model: nn.Module, average: WeightAverage | None, *, is_trained: Callable[[str], bool]) -> Tensors:
    """The weights that the run trains and their average, by the names they have in a checkpoint."""
    trained = ((name, weight) for name, weight in model.named_parameters() if is_trained(name))
    tensors = {f"{_WEIGHTS}{name}": weight.detach() for name, weight in trained}
    averages = {} if average is None else average.weights
    return tensors | {f"{_AVERAGE}{name}": weight for name, weight in averages.items()}


def average_names(names: Iterable[str]) -> set[str]:
    """The weights of which some tensors are the average; `weight_names` likewise those that are themselves there."""
    return {name.removeprefix(_AVERAGE) for name in names if name.startswith(_AVERAGE)}


def weight_names(names: Iterable[str]) -> set[str]:
    """See `average_names`."""
    return {name.removeprefix(_WEIGHTS) for name in names if name.startswith(_WEIGHTS)}


def finished_names(path: Path) -> dict[str, str]:
    """Which tensor of a checkpoint is each of its weights: the average where the run keeps one."""
    stored = stored_names(path)
    own = {name: f"{_WEIGHTS}{name}" for name in weight_names(stored)}
    return own | {name: f"{_AVERAGE}{name}" for name in average_names(stored)}


def finished_weights(path: Path) -> Iterator[tuple[str, Tensor]]:
    """The weights of a checkpoint, averaged where the run averages them, one by one."""
    for name, tensor in finished_names(path).items():
        yield name, read_tensors(path, [tensor])[tensor]


def optimizer_tensors(model: nn.Module, optimizer: Optimizer) -> Tensors:
    """The optimizer's state by the names of the weights it belongs to; those that the phase leaves alone have none."""
    return {
        f"optimizer.{name}.{part}": value
        for name, weight in model.named_parameters()
        for part, value in optimizer.state(weight).items()
    }


def prepare_optimizer(model: nn.Module, optimizer: Optimizer, path: Path) -> None:
    """Give the optimizer room for the state that a checkpoint has for its weights; the phase may train others too."""
    with_state = {name.rpartition(".")[0] for name in _stored(path)}
    for name, weight in model.named_parameters():
        if weight.requires_grad and f"optimizer.{name}" in with_state:
            optimizer.make_room(weight)


def _stored(path: Path) -> dict[str, Any]:
    """What is known of each tensor of a checkpoint."""
    return FileSystemReader(path / _TENSORS_NAME).read_metadata().state_dict_metadata


def _check_same_run(path: Path, found: RunConfig, expected: RunConfig, *, step: int) -> None:
    if step > expected.training.steps:
        raise ValueError(
            f"checkpoint {path} is at step {step}, after the {expected.training.steps} steps of this config; "
            "raise its steps, or start in an empty directory"
        )
    mattered = _has_cooled(found, step) or _has_cooled(expected, step)
    differences = differing_fields(*(_past(each, step, with_length=mattered) for each in (found, expected)))
    if differences:
        raise ValueError(
            f"checkpoint {path} was made by another config: {'; '.join(differences)}; use the config in "
            f"{path / _RUN_NAME}, or start in an empty directory"
        )


def _has_cooled(config: RunConfig, step: int) -> bool:
    """Whether the learning rate of a run has begun to fall in the training phase of its last step."""
    current, last = phase_at(config.training.phases, step - 1)
    phase = config.training.phases[current]
    return last > phase.steps - phase.cooldown_steps


def _past(config: RunConfig, step: int, *, with_length: bool) -> RunConfig:
    """The config without what cannot have mattered until `step`: how long training goes on, how it reports and runs."""
    training = config.training
    current, _ = phase_at(training.phases, step - 1)
    last = training.phases[current]
    phases = (*training.phases[:current], last if with_length else replace(last, steps=1, cooldown_steps=0))
    reporting = TrainingConfig()
    past = replace(
        training,
        phases=phases,
        data=replace(
            training.data,
            uses_cache=False,
            range_cache=reporting.data.range_cache,
            memory_mb=0,
            batches_ahead=1,
            threads=1,
            most_unread_references=1.0,
        ),
        execution=replace(reporting.execution, compiles=False),  # which any model allows
        validation=reporting.validation,
        held_out=replace(training.held_out, every_steps=0, clips=1),
        log_every_steps=reporting.log_every_steps,
        reference_gain_every_steps=reporting.reference_gain_every_steps,
        checkpoint_every_steps=reporting.checkpoint_every_steps,
        checkpoints_kept=reporting.checkpoints_kept,
        wandb=reporting.wandb,
        accepts_other_data=reporting.accepts_other_data,
    )
    return replace(config, training=past)


def _expect_no_other_process() -> None:
    """Saving and loading warn, from their own threads, that there is no other process; which is as it should be."""
    warnings.filterwarnings("ignore", message="torch.distributed is disabled", category=UserWarning)


def _reason(error: BaseException) -> str:
    """The first cause in one line."""
    if isinstance(error, CheckpointException):
        return "; ".join(f"{type(inner).__name__}: {inner}" for inner, _ in error.failures.values())
    return str(error)
