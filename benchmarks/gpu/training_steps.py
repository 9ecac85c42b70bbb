"""A training step of one bucket: its time, its operations a second, and its memory beside what `describe` says."""

from dataclasses import dataclass

import torch
from torch.nn.utils import clip_grad_norm_

from benchmarks.gpu.clock import Run, forget, measured
from benchmarks.gpu.inputs import draw_conditions, draw_latents, draw_weights, workload
from dataset_schema import Bucket
from modeling.model.costs import hardware_flops, model_flops
from modeling.model.precision import computing_in
from modeling.model.weights import empty_model
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.ema import WeightAverage
from modeling.training.memory import StepSetup, step_memory
from modeling.training.objective import EncodedBatch, velocity_loss
from modeling.training.optimizer import Optimizer
from modeling.training.parallel import Team


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """What was measured of a step.

    Attributes:
        clips: of the step, as many as one device holds at a time.
        model_flops: that the step needs; `hardware_flops` with those of recomputed activations.
        peak_bytes: at its fullest moment; None on a CPU.
        described_bytes: what `describe` says of it.
    """

    bucket: Bucket
    clips: int
    seconds: float
    model_flops: float
    hardware_flops: float
    peak_bytes: int | None
    described_bytes: int


class TrainedModel:
    """A model in a training phase on one device, with all that a step needs but the data.

    Args:
        run: the model and how it is trained.
        phase: which weights change, and whether there are references.
        device: of everything.
    """

    def __init__(self, run: RunConfig, phase: TrainingPhase, device: torch.device) -> None:
        forget(device)
        self._run, self._phase, self._device = run, phase, device
        training, is_trained = run.training, phase.trainable.admits
        prepared = Team(device).prepare(empty_model(run.pipeline.model), training.execution, is_trained=is_trained)
        self._model = prepared.to_empty(device=device).train()
        draw_weights(self._model)
        for name, weight in self._model.named_parameters():
            weight.requires_grad_(is_trained(name))
        trained = [(name, weight) for name, weight in self._model.named_parameters() if weight.requires_grad]
        self._trained = [weight for _, weight in trained]
        self._optimizer = Optimizer(trained, training.optimizer)
        decay = training.ema_decay
        self._average = None if decay is None else WeightAverage(self._model, decay, is_trained=is_trained)
        self._steps = 0

    def measure(self, bucket: Bucket, *, steps: int) -> StepFigures:
        """The figures of steps with the clips of a bucket; the one before them fills the optimizer's state."""
        self._optimizer.zero_grad()  # what a bucket that did not fit has left
        run, phase = self._run, self._phase
        found = measured(self.on(bucket), self._device, rounds=steps)
        forward = run.pipeline.model.forward_flops(
            workload(run, bucket, clips=clips_of(run, bucket), has_references=phase.uses_references)
        )
        return StepFigures(
            bucket=bucket,
            clips=clips_of(run, bucket),
            seconds=found.seconds,
            model_flops=model_flops(forward, trainable=phase.trainable, estimates=_estimates(run)),
            hardware_flops=step_flops(run, phase, bucket),
            peak_bytes=found.peak_bytes,
            described_bytes=described_bytes(run, phase, bucket),
        )

    def on(self, bucket: Bucket) -> Run:
        """A step with as many clips of a bucket as the device holds, drawn once."""
        run, clips = self._run, clips_of(self._run, bucket)
        batch = EncodedBatch(
            latents=draw_latents(run, bucket, clips=clips, device=self._device),
            conditions=draw_conditions(
                run, clips=clips, device=self._device, has_references=self._phase.uses_references
            ),
        )
        return lambda: self._step(batch)

    def _step(self, batch: EncodedBatch) -> None:
        """As `Trainer.step`, of one turn, always with self-conditioning where the model has it."""
        noise = torch.randn_like(batch.latents)
        timesteps = torch.rand(len(noise), device=self._device)
        with computing_in(self._run.training.execution.precision, self._device):
            loss = velocity_loss(
                self._model,
                batch,
                noise=noise,
                timesteps=timesteps,
                shows_estimate=self._run.pipeline.model.self_conditions,
            )
        torch.autograd.backward(loss)
        clip_grad_norm_(self._trained, self._run.training.optimizer.gradient_clip)
        self._optimizer.step(1.0)
        if self._average is not None:
            self._average.update(self._model, dict.fromkeys(self._average.weights, self._steps))
        self._optimizer.zero_grad()
        self._steps += 1


def step_flops(run: RunConfig, phase: TrainingPhase, bucket: Bucket) -> float:
    """What a device does in a step, with what it computes again."""
    work = workload(run, bucket, clips=clips_of(run, bucket), has_references=phase.uses_references)
    recomputes = run.training.execution.recomputes_activations
    forward = run.pipeline.model.forward_flops(work)
    return hardware_flops(forward, trainable=phase.trainable, estimates=_estimates(run), recomputes=recomputes)


def clips_of(run: RunConfig, bucket: Bucket) -> int:
    """Clips that one device holds at a time."""
    return run.training.data.batching.clips_per_device(bucket, run.pipeline.encoders.latents)


def _estimates(run: RunConfig) -> float:
    return float(run.pipeline.model.self_conditions)


def described_bytes(run: RunConfig, phase: TrainingPhase, bucket: Bucket) -> int:
    """What a step occupies on one device, by `modeling/training/memory.py`, which `describe` prints."""
    setup = StepSetup(
        trainable=phase.trainable,
        execution=run.training.execution,
        trained_by_run=(phase.trainable,),
        averages_weights=run.training.ema_decay is not None,
    )
    work = workload(run, bucket, clips=clips_of(run, bucket), has_references=phase.uses_references)
    return step_memory(run.pipeline.model, work, setup).total
