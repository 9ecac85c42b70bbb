"""The training loop (B.2): batch, loss, clip, step, average, report, save. Read `train` first."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from dataset_schema import Bucket
from modeling.batches import Batch, BatchLoader
from modeling.batching import latent_tokens
from modeling.checkpoint import Checkpoint, load_latest_checkpoint, save_checkpoint
from modeling.dataset import SampleStore
from modeling.dit import DiT, DiTConfig
from modeling.ema import WeightAverage
from modeling.objective import (
    EncodedBatch,
    draw_batch_timesteps,
    draw_noise,
    encode_batch,
    reference_gain,
    velocity_loss,
)
from modeling.pipeline import Pipeline
from modeling.randomness import numpy_generator, torch_seed
from modeling.run_log import RunLog, StepReport
from modeling.training_config import RunConfig, TrainingStage, stage_at

_CHECKPOINTS = "checkpoints"

_logger = logging.getLogger(__name__)


def train(
    config: RunConfig,
    *,
    dataset: Path,
    output: Path,
    device: torch.device | str = "cpu",
    on_step: Callable[[StepReport], None] | None = None,
) -> Path:
    """Train on a curated dataset, continuing from the newest checkpoint in `output` if there is one.

    Args:
        config: the model, its encoders and the training stages.
        dataset: output directory of a curation run.
        output: gets `checkpoints/`, `metrics.jsonl` and, at the end, `pipeline/`.
        device: where the model lives.
        on_step: called after every step, for progress bars.

    Returns:
        The directory of the finished pipeline, for `Pipeline.from_pretrained`.

    Raises:
        ValueError: the dataset is empty, or `output` holds checkpoints of another config.
    """
    store = SampleStore(dataset, tuple(map(Bucket.parse, config.training.data.buckets)))
    trainer = Trainer(config, store, output=output, device=torch.device(device))
    for stage, steps in stages_left(config.training.stages, done=trainer.steps_done):
        trainer.enter(stage)
        for batch in trainer.loader.batches(steps, with_references=stage.uses_references):
            report = trainer.step(batch)
            trainer.record(report)
            if on_step is not None:
                on_step(report)
    return trainer.finish()


class Trainer:
    """A model in training, and what belongs to it.

    Args:
        config: of the run.
        store: the dataset.
        output: where checkpoints, metrics and the finished pipeline go.
        device: where the model lives.
    """

    def __init__(self, config: RunConfig, store: SampleStore, *, output: Path, device: torch.device) -> None:
        self.config = config
        self.steps_done = 0
        self.model = build_model(config.pipeline.model, seed=config.training.seed).to(device)
        self.loader = BatchLoader(
            store, config.training.data, seed=config.training.seed, max_images=config.pipeline.model.max_images
        )
        self._encoders = config.pipeline.encoders.build()
        self._encoders.to(device)
        self._device = device
        self._output = output
        self._skipped_steps = 0
        decay = config.training.ema_decay
        self._average = None if decay is None else WeightAverage(self.model, decay)
        self._saved_optimizer: dict[str, Any] | None = None
        self._continue()
        self._log = RunLog(output / "metrics.jsonl", step=self.steps_done)
        self._probe = self._encode(self.loader.probe())
        self._ready_at = time.perf_counter()

    def enter(self, stage: TrainingStage) -> None:
        """Begin a training stage, or take it up again where the checkpoint left it."""
        _, self._stage_step = stage_at(self.config.training.stages, self.steps_done)
        self._stage = stage
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(stage.trainable.admits(name))
        self._trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        constants = self.config.training.optimizer
        self._optimizer = torch.optim.AdamW(
            self._trained,
            lr=constants.learning_rate,
            betas=(constants.betas[0], constants.betas[1]),
            weight_decay=constants.weight_decay,
        )
        if self._stage_step > 0 and self._saved_optimizer is not None:
            self._optimizer.load_state_dict(self._saved_optimizer)
        self._saved_optimizer = None

    def step(self, batch: Batch) -> StepReport:
        """One step on one batch. A step whose loss or gradient is not finite changes nothing, but is counted."""
        data_wait_s = time.perf_counter() - self._ready_at
        rate = learning_rate(self.config.training.optimizer.learning_rate, self._stage, self._stage_step)
        loss, gradient_norm, is_finite = self._update(batch, rate)
        clip_ids = tuple(example.clip_id for example in batch.examples)
        if not is_finite:
            self._skipped_steps += 1
            _logger.warning("step %d skipped: loss is %g, clips %s", batch.step + 1, loss, ", ".join(clip_ids))
        self._stage_step += 1
        self.steps_done = batch.step + 1
        return StepReport(
            step=self.steps_done,
            steps=self.config.training.steps,
            training_stage=self._stage.name,
            bucket=str(batch.bucket),
            loss=loss,
            gradient_norm=gradient_norm,
            learning_rate=rate,
            tokens_per_s=len(clip_ids) * latent_tokens(batch.bucket) / (time.perf_counter() - self._ready_at),
            data_wait_s=data_wait_s,
            skipped_steps=self._skipped_steps,
            reference_gain=self._reference_gain(),
            skipped_clips=() if is_finite else clip_ids,
        )

    def record(self, report: StepReport) -> None:
        """Write what is due after a step: a line of metrics, a checkpoint."""
        every = self.config.training
        if report.step % every.log_every_steps == 0 or report.reference_gain or report.skipped_clips:
            self._log.write(report)
        if report.step % every.checkpoint_every_steps == 0 or report.step == report.steps:
            self.save()
        self._ready_at = time.perf_counter()

    def save(self) -> Path:
        """Write a checkpoint of the steps done."""
        checkpoint = Checkpoint(
            step=self.steps_done,
            skipped_steps=self._skipped_steps,
            weights=self.model.state_dict(),
            average=None if self._average is None else self._average.weights,
            optimizer=self._optimizer.state_dict(),
        )
        return save_checkpoint(self._output / _CHECKPOINTS, checkpoint, self.config)

    def finish(self) -> Path:
        """Write the pipeline, with the averaged weights where the run keeps them."""
        if self._average is not None:
            self.model.load_state_dict(self._average.weights)
        path = self._output / "pipeline"
        Pipeline(self.config.pipeline, self.model, device=self._device).save_pretrained(path)
        return path

    def _update(self, batch: Batch, rate: float) -> tuple[float, float, bool]:
        """Change the weights; returns loss, gradient norm, and whether both are finite."""
        self.model.train()
        loss = self._loss(batch)
        torch.autograd.backward(loss)
        norm = clip_grad_norm_(self._trained, self.config.training.optimizer.gradient_clip)
        is_finite = bool(torch.isfinite(loss) & torch.isfinite(norm))
        if is_finite:
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            self._optimizer.step()
            if self._average is not None:
                self._average.update(self.model, self._stage_step)
        self._optimizer.zero_grad(set_to_none=True)
        return loss.item(), norm.item(), is_finite

    def _loss(self, batch: Batch) -> Tensor:
        seed, step = self.config.training.seed, batch.step
        encoded = self._encode(batch)
        flow = self.config.pipeline.flow
        places = tuple(example.place for example in batch.examples)
        timesteps = draw_batch_timesteps(
            places, distribution=flow.distribution, shift=flow.shift(batch.bucket), seed=seed, step=step
        )
        chance = numpy_generator("self-conditioning", seed, step).random()
        shows_estimate = self.config.pipeline.model.self_conditions and (
            chance < self.config.training.self_conditioning_probability
        )
        with seeded(torch_seed("dropout", seed, step), self._device):
            return velocity_loss(
                self.model,
                encoded,
                noise=draw_noise(encoded.latents, places, seed=seed, step=step),
                timesteps=timesteps.to(self._device),
                shows_estimate=shows_estimate,
            )

    def _encode(self, batch: Batch) -> EncodedBatch:
        words = self.config.pipeline.model.words_per_image
        return encode_batch(batch, self._encoders, words_per_image=words, device=self._device)

    def _reference_gain(self) -> dict[str, float] | None:
        is_due = self.steps_done % self.config.training.reference_gain_every_steps == 0
        if not is_due or not self._stage.uses_references or self._probe.conditions.references is None:
            return None
        return reference_gain(self.model, self._probe, seed=self.config.training.seed)

    def _continue(self) -> None:
        """Take over the newest checkpoint, if there is one."""
        found = load_latest_checkpoint(self._output / _CHECKPOINTS, self.config, device=self._device)
        if found is None:
            return
        self.steps_done, self._skipped_steps = found.step, found.skipped_steps
        self.model.load_state_dict(found.weights)
        if self._average is not None and found.average is not None:
            self._average.load(found.average)
        self._saved_optimizer = found.optimizer
        _logger.info("continuing after step %d", found.step)


def build_model(config: DiTConfig, *, seed: int) -> DiT:
    """A freshly initialised model; equal seeds give equal weights."""
    with seeded(torch_seed("weights", seed), torch.device("cpu")):
        return DiT(config)


def learning_rate(constant: float, stage: TrainingStage, stage_step: int) -> float:
    """Constant after a linear warm-up (Table 6)."""
    return constant * min(1.0, (stage_step + 1) / max(1, stage.warmup_steps))


def stages_left(stages: tuple[TrainingStage, ...], *, done: int) -> Iterator[tuple[TrainingStage, range]]:
    """The training stages that are not finished after `done` steps, each with its steps to come."""
    start = 0
    for stage in stages:
        end = start + stage.steps
        if done < end:
            yield stage, range(max(start, done), end)
        start = end


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within it, torch's global generator is seeded; afterwards it is as before. Layers can take no other."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
