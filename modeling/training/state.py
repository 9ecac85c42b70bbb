"""What a run has trained so far: how it begins, goes on from a checkpoint, enters its phases, is saved and ends."""

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from modeling.model.backbone import VideoBackbone
from modeling.model.weights import fill, whole
from modeling.training.base import Base
from modeling.training.checkpoint import (
    Checkpoints,
    Done,
    average_names,
    checkpoint_at,
    latest_checkpoint,
    optimizer_tensors,
    prepare_optimizer,
    read_run,
    stored_names,
    weight_names,
    weight_tensors,
)
from modeling.training.config import RunConfig, TrainingPhase, phase_at, steps_trained_before
from modeling.training.continuation import base_after
from modeling.training.ema import WeightAverage
from modeling.training.ends import empty_model_of, starting_weights, write_run
from modeling.training.optimizer import Optimizer
from modeling.training.parallel import Team
from modeling.training.trained_on import TrainedOn

_logger = logging.getLogger(__name__)


class TrainingState:
    """The model of a run with all that changes as it trains: average, optimizer, steps done.

    It begins anew, or as the newest checkpoint holds it. Moments and averages of weights that a phase trains as the one
    before did go on. Our choice: a weight that a phase stops training takes its average, as it would in a run that
    starts from the pipeline of the phase before; so others are trained beside the weights that the finished pipeline
    has.

    Args:
        config: of the run.
        team: the processes that train.
        folder: of the run's checkpoints.
        data: what the run trains on.
        start: a pipeline to start from, or another run's output or checkpoint to go on from.

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
        own = latest_checkpoint(folder)
        others = None if start is None else checkpoint_at(start)
        self._base = self._find_base(own, others, start)
        self._checkpoints = Checkpoints(folder, config, team, data, self._base)
        if own is not None and not training.accepts_other_data:
            data.expect_same(own)
        model = team.prepare(empty_model_of(config), training.execution, is_trained=training.trains)
        self.model: VideoBackbone = model.to_empty(device=team.device)
        goes_on_from = own or others
        if goes_on_from is None:
            fill(self.model, starting_weights(config, start), source=f"pipeline {start}")
        self.average = self._new_average()
        if own is not None:
            self.done = self._checkpoints.expect_own(own)
        if goes_on_from is not None:
            self._take_weights(goes_on_from)
        self._optimizer = Optimizer((), training.optimizer)
        self._enter_phase(goes_on_from)

    def ready_for_step(self) -> None:
        """Enter the next training phase, if the one before is over."""
        if self.phase_step == self.phase.steps:
            self._enter_phase()

    @property
    def rate_share(self) -> float:
        """Of the learning rate at this step, for the weights that warm up."""
        return self.phase.rate_share(self.phase_step)

    def update(self) -> None:
        """Change the weights by their gradients, and move their average."""
        self._optimizer.step(self.rate_share, warm_share=self.phase.rate_share(self.phase_step, warms_up=False))
        if self.average is not None:
            self.average.update(
                self.model, {name: steps + self.phase_step for name, steps in self._trained_before.items()}
            )

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

    def _find_base(self, own: Path | None, others: Path | None, start: Path | None) -> Base:
        """What the run begins, or began, from: `own` is its newest checkpoint, `others` the one that `start` names."""
        if own is not None:
            return Base.read(own).at(None if others is not None else start)
        if others is not None:
            return base_after(others, self._config, untrained=self._untrained)
        return Base.of(start, is_needed=bool(self._untrained))

    def _new_average(self) -> WeightAverage | None:
        training = self._config.training
        if training.ema_decay is None:
            return None
        return WeightAverage(self.model, training.ema_decay, is_trained=training.trains)

    def _take_weights(self, checkpoint: Path) -> None:
        """Take up what the run of a checkpoint has trained; other weights, and their average, are those it began from.

        Raises:
            FileNotFoundError: the pipeline that it began from is needed, and gone.
            ValueError: that pipeline is another one now.
        """
        stored = stored_names(checkpoint)
        tensors = weight_tensors(self.model, self.average, is_trained=self._config.training.trains)
        self._checkpoints.load(checkpoint, {name: tensor for name, tensor in tensors.items() if name in stored})
        if untrained := dict(self.model.named_parameters()).keys() - weight_names(stored):
            first = self._base.weights(read_run(checkpoint), wanted=untrained)
            fill(self.model, first, source=f"pipeline {self._base.pipeline}", names=untrained)
        if self.average is not None:
            self.average.begin(self.model, average_names(tensors.keys() - stored))
        _logger.info("going on from %s", checkpoint)

    def _enter_phase(self, checkpoint: Path | None = None) -> None:
        """Begin the training phase of the next step, or take it up again where a checkpoint left it."""
        training = self._config.training
        number, self.phase_step = phase_at(training.phases, min(self.done.step, training.steps - 1))
        self.phase: TrainingPhase = training.phases[number]
        trained = {}
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(self.phase.trainable.admits(name))
            if parameter.requires_grad:
                trained[name] = parameter
        self._team.begin_phase()
        self.trained: list[nn.Parameter] = list(trained.values())
        if self.average is not None and self.phase_step == 0:
            self.average.settle(self.model, self.average.weights.keys() - trained.keys())
        phases, before = (*self._base.phases, *training.phases), len(self._base.phases) + number
        self._trained_before = {name: steps_trained_before(phases, before, name) for name in trained}
        self._replace_optimizer(trained)
        if checkpoint is not None:
            prepare_optimizer(self.model, self._optimizer, checkpoint)
            self._checkpoints.load(checkpoint, optimizer_tensors(self.model, self._optimizer))

    def _replace_optimizer(self, trained: Mapping[str, nn.Parameter]) -> None:
        """With one for the weights of the phase, which goes on with the moments of those that it has already."""
        warm = {name for name, steps in self._trained_before.items() if steps}
        earlier = self._optimizer
        self._optimizer = Optimizer(
            trained.items(), self._config.training.optimizer, warm=warm if warm < trained.keys() else ()
        )
        for weight in trained.values():
            self._optimizer.take_over(earlier, weight)
