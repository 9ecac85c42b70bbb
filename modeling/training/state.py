"""What a run has trained so far: how it begins, goes on from a checkpoint, enters its phases, is saved and ends."""

import logging
from pathlib import Path

from torch import nn

from modeling.model.backbone import VideoBackbone
from modeling.model.weights import fill, whole
from modeling.training.base import Base
from modeling.training.checkpoint import (
    Checkpoints,
    Done,
    average_names,
    latest_checkpoint,
    optimizer_tensors,
    prepare_optimizer,
    stored_names,
    weight_names,
    weight_tensors,
)
from modeling.training.config import RunConfig, TrainingPhase, phase_at
from modeling.training.ema import WeightAverage
from modeling.training.ends import empty_model_of, starting_weights, write_run
from modeling.training.optimizer import Optimizer
from modeling.training.parallel import Team
from modeling.training.trained_on import TrainedOn

_logger = logging.getLogger(__name__)


class TrainingState:
    """The model of a run with all that changes as it trains: average, optimizer, steps done.

    It begins anew, or as the newest checkpoint holds it.

    Args:
        config: of the run.
        team: the processes that train.
        folder: of the run's checkpoints.
        data: what the run trains on.
        start: a pipeline to start from.

    Attributes:
        model: in training.
        average: of its weights, if the run keeps one.
        done: the steps so far; the loop counts them.
        phase: the training phase of the next step.
        phase_step: that step, counted from the beginning of the phase.
        trained: the weights that the phase changes.

    Raises:
        FileNotFoundError: the pipeline that it begins from, or began from, is needed and not there.
        ValueError: the checkpoint is of another config or other data, or that pipeline does not fit.
    """

    def __init__(
        self, config: RunConfig, team: Team, *, folder: Path, data: TrainedOn, start: Path | None = None
    ) -> None:
        training = config.training
        self._config = config
        self._team = team
        self.done = Done()
        names = [name for name, _ in empty_model_of(config).named_parameters()]
        self._untrained = {name for name in names if not training.trains(name)}
        resumes_from = latest_checkpoint(folder)
        self._base = (
            Base.of(start, is_needed=bool(self._untrained))
            if resumes_from is None
            else Base.read(resumes_from).at(start)
        )
        self._checkpoints = Checkpoints(folder, config, team, data, self._base)
        if resumes_from is not None and not training.accepts_other_data:
            data.expect_same(resumes_from)
        model = team.prepare(empty_model_of(config), training.execution, is_trained=training.trains)
        self.model: VideoBackbone = model.to_empty(device=team.device)
        if resumes_from is None:
            fill(self.model, starting_weights(config, start), source=f"pipeline {start}")
        self.average = self._new_average()
        if resumes_from is not None:
            self._resume(resumes_from)
        self._enter_phase(resumes_from)

    def ready_for_step(self) -> None:
        """Enter the next training phase, if the one before is over."""
        if self.phase_step == self.phase.steps:
            self._enter_phase()

    def update(self, share: float) -> None:
        """Change the weights by their gradients, at this share of the learning rate, and move their average."""
        self._optimizer.step(share)
        if self.average is not None:
            self.average.update(self.model, self.phase_step)

    def end_step(self, step: int) -> None:
        """So many steps are done, whether or not the last changed anything; its gradients are forgotten."""
        self._optimizer.zero_grad()
        self.phase_step += 1
        self.done.step = step

    def save(self) -> None:
        """Begin to write a checkpoint of the steps done."""
        optimizer = optimizer_tensors(self.model, self._optimizer)
        weights = weight_tensors(self.model, self.average, is_trained=self._config.training.trains)
        self._checkpoints.save(weights | optimizer, self.done)

    def finish_saving(self) -> None:
        """Wait until the checkpoint that is being written is complete."""
        self._checkpoints.finish()

    def write_pipeline(self, directory: Path) -> None:
        """Write the pipeline, with the averaged weights where the run keeps them. All processes call this together."""
        averages = {} if self.average is None else self.average.weights
        current = ((name, weight) for name, weight in self.model.named_parameters() if name not in self._untrained)
        trained = ((name, averages.get(name, weight)) for name, weight in current)
        if self._team.is_first:
            wanted = {name for name in self._untrained if self._config.pipeline.model.stands_in_files(name)}
            frozen = self._base.weights(self._config, wanted=wanted) if wanted else ()
            write_run(directory, self._config, whole(trained), frozen=frozen, base_sha256=self._base.sha256)
        else:
            for _ in whole(trained):  # every process holds a part, but only the first keeps the whole
                pass
        self._team.wait()

    def _new_average(self) -> WeightAverage | None:
        training = self._config.training
        if training.ema_decay is None:
            return None
        return WeightAverage(self.model, training.ema_decay, is_trained=training.trains)

    def _resume(self, checkpoint: Path) -> None:
        """Take up what the run has trained until then; other weights, and their average, are those that it began from.

        Raises:
            FileNotFoundError: the pipeline that it began from is needed, and gone.
            ValueError: the checkpoint was made by another config, or that pipeline is another one now.
        """
        stored = stored_names(checkpoint)
        tensors = weight_tensors(self.model, self.average, is_trained=self._config.training.trains)
        self.done = self._checkpoints.load(
            checkpoint, {name: tensor for name, tensor in tensors.items() if name in stored}
        )
        if untrained := dict(self.model.named_parameters()).keys() - weight_names(stored):
            first = self._base.weights(self._config, wanted=untrained)
            fill(self.model, first, source=f"pipeline {self._base.pipeline}", names=untrained)
        if self.average is not None:
            self.average.begin(self.model, average_names(tensors.keys() - stored))
        _logger.info("continuing after step %d", self.done.step)

    def _enter_phase(self, resumes_from: Path | None = None) -> None:
        """Begin the training phase of the next step, or take it up again where a checkpoint left it."""
        training = self._config.training
        number, self.phase_step = phase_at(training.phases, min(self.done.step, training.steps - 1))
        self.phase: TrainingPhase = training.phases[number]
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(self.phase.trainable.admits(name))
        self.trained: list[nn.Parameter] = [each for each in self.model.parameters() if each.requires_grad]
        trained = [(name, weight) for name, weight in self.model.named_parameters() if weight.requires_grad]
        self._optimizer = Optimizer(trained, training.optimizer)
        if resumes_from is not None and self.phase_step > 0:
            prepare_optimizer(self.model, self._optimizer, resumes_from)
            self._checkpoints.load(resumes_from, optimizer_tensors(self.model, self._optimizer))
