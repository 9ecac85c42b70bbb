"""The training loop (B.2): batch, loss, clip, step, average, report, save. Read `train` first."""

import logging
import math
import os
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grad_norm_

from modeling.data.batches import Batch, BatchLoader
from modeling.data.handover import Handover
from modeling.data.store import SampleStore
from modeling.data.survey import Survey, survey
from modeling.encoders import build_encoders
from modeling.model.precision import computing_in
from modeling.model.weights import seeded
from modeling.randomness import numpy_generator, torch_seed
from modeling.training.boards import open_boards
from modeling.training.checkpoint import Done, latest_checkpoint
from modeling.training.config import RunConfig, TrainingPhase, is_due
from modeling.training.held_out import HeldOutLoss, HeldOutLosses, held_out_share
from modeling.training.loaders import open_loaders
from modeling.training.meter import Meter
from modeling.training.objective import (
    EncodedBatch,
    ReferenceLosses,
    draw_batch_timesteps,
    draw_noise,
    encode_batch,
    reference_losses,
    velocity_loss,
)
from modeling.training.parallel import Team
from modeling.training.run_costs import Devices, expect_state_fits
from modeling.training.run_log import RunLog, StepReport
from modeling.training.state import TrainingState
from modeling.training.trained_on import TrainedOn
from modeling.training.validation import ValidationSamples
from storage.address import Place
from storage.devices import torch_device
from storage.lock import held_alone
from storage.places import expect_folder_to_write, local_path

_logger = logging.getLogger(__name__)

_LOCK_NAME: Final = ".training.lock"

# Our choice: a bad clip costs a step now and then; so many in a row say that the model is lost, and would be for good.
_MOST_SKIPPED_IN_A_ROW: Final = 20
_CLIPS_NAMED: Final = 8

_NOTHING_LEARNS: Final = (
    "training phase %s begins with gradients of exactly zero, so it may never learn anything: the last layer of new "
    "weights is zero and hides what lies before it; begin with a phase that trains the backbone, or name a trained "
    "pipeline (start)"
)


def train(
    config: RunConfig,
    *,
    dataset: Place | str,
    output: Path | str,
    device: torch.device | str = "cpu",
    start: Path | str | None = None,
    on_step: Callable[[StepReport], None] | None = None,
) -> Path:
    """Train on a curated dataset, continuing from the newest checkpoint in `output` if there is one.

    Several processes train together if `torch.distributed` is initialised, as under `torchrun`; each calls this.

    Args:
        config: the model, its encoders and the training phases.
        dataset: what `curate` or `select` wrote; or a selection by another tool, one Parquet file or a folder of them.
        output: gets `checkpoints/`, `metrics.jsonl`, `samples/` and, at the end, `pipeline/`.
        device: where this process computes.
        start: a pipeline whose weights the model starts from, such as a text-to-video model; or the output of another
            run, or a checkpoint, whose moments and averages are then taken along. New weights without one.
        on_step: called after every step, for progress bars.

    Returns:
        The directory of the finished pipeline, for `Pipeline.from_pretrained`.

    Raises:
        BusyError: another training writes to `output`.
        OSError: there is no dataset, or `output` cannot be written.
        ValueError: the dataset is empty, there is no such device, this machine cannot hold the model, captions are too
            long for the text encoder, or `output` holds checkpoints of another config or other data; or no step of the
            last ones could be taken.
        MemoryError: a step does not fit; the message says what to change.
    """
    place = torch_device(str(device))
    output = local_path(output)
    expect_folder_to_write(output)
    data = config.training.data
    fps = config.pipeline.model.fps
    store = SampleStore(dataset, data.buckets, range_cache=data.range_cache, fps=fps)
    busy = f"{output} is being written by another training; wait for its end, or choose another output"
    team = Team(place, devices_per_clip=config.training.execution.devices_per_clip)
    if place.type == "cpu":  # where nothing else says so: the system kills who asks for too much
        memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        expect_state_fits(config, Devices(count=team.processes, memory_bytes=memory_bytes))
    with (
        held_alone(output / _LOCK_NAME, busy=busy) if team.is_first else nullcontext(),
        closing(
            Trainer(config, store, output=output, team=team, start=None if start is None else local_path(start))
        ) as trainer,
    ):
        for phase, steps in phases_left(config.training.phases, done=trainer.done.step):
            for batch in trainer.batches(steps, with_references=phase.uses_references):
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
        output: where checkpoints, metrics, samples and the finished pipeline go.
        team: the processes that train.
        start: a pipeline to start from, or another run's output or checkpoint to go on from.
    """

    def __init__(
        self, config: RunConfig, store: SampleStore, *, output: Path, team: Team, start: Path | None = None
    ) -> None:
        config = replace(config, pipeline=replace(config.pipeline, model=config.pipeline.model.pinned()))
        training, pipeline = config.training, config.pipeline
        self.config = config
        self._encoders = build_encoders(pipeline.encoders)
        self._encoders.to(team.device)
        self._team = team
        self._output = output
        checkpoints = output / "checkpoints"
        share = held_out_share(training.held_out, store, latest_checkpoint(checkpoints))
        loaders = open_loaders(config, store, self._encoders, team, held_out_share=share)
        self.loader, self._null_text = loaders.trained_on, loaders.null_text
        self._held_out = None if loaders.held_out is None else self._new_held_out(loaders.held_out)
        self._state = TrainingState(
            config,
            team,
            folder=checkpoints,
            data=TrainedOn.of(store.dataset, self._survey(store), held_out_share=share),
            start=start,
        )
        self.model = self._state.model
        self._log = self._open_log() if team.is_first else None
        probe = self._turns(self.loader.probe())[0]
        self._probe = self._encode(probe, with_references=True)
        self._probe_places = tuple(example.place for example in probe.examples)
        self._samples = ValidationSamples(
            training.validation,
            flow=pipeline.flow,
            precision=training.execution.precision,
            folder=output / "samples",
            batch=probe,
            encoded=self._probe,
        )
        self._meter = Meter(pipeline.model, team.device, devices_per_clip=training.execution.devices_per_clip)

    def _open_log(self) -> RunLog:
        step = self.done.step
        return RunLog(self._output, step=step, boards=open_boards(self._output, self.config, step=step))

    def _new_held_out(self, loader: BatchLoader) -> HeldOutLoss:
        training = self.config.training
        return HeldOutLoss(
            training.held_out,
            loader,
            encode=self._encode,
            precision=training.execution.precision,
            team=self._team,
        )

    def _survey(self, store: SampleStore) -> Survey:
        """Look at what the text encoder will read before anything is trained, and say what it cuts."""
        found = survey(store, self._encoders.text)
        if any(phase.uses_references for phase in self.config.training.phases):
            found.expect_read(most_unread=self.config.training.data.most_unread_references)
        if found.findings and self._team.is_first:
            _logger.warning("%s", found.findings)
        return found

    @property
    def done(self) -> Done:
        """The steps so far."""
        return self._state.done

    def batches(self, steps: range, *, with_references: bool) -> Iterator[Batch]:
        """The batches of `steps`, ready for this trainer's encoders and device."""
        handover = Handover.to_device(self._team.device, self._encoders.prepare_image)
        return self.loader.batches(steps, with_references=with_references, handover=handover)

    def step(self, batch: Batch) -> StepReport:
        """One step on one batch. A step whose loss or gradient is not finite changes nothing, but is counted."""
        self._meter.batch_has_come()
        state = self._state
        state.ready_for_step()
        share = state.rate_share
        loss, gradient_norm = self._gradients(batch)
        is_finite = math.isfinite(loss) and math.isfinite(gradient_norm)
        skipped_clips: tuple[str, ...] = ()
        if is_finite:
            state.update()
            state.done.skipped_in_a_row = 0
        else:
            state.done.skipped_steps += 1
            state.done.skipped_in_a_row += 1
            skipped_clips = self._team.gathered(tuple(example.clip_id for example in batch.examples))
            state.done.skipped_clips = skipped_clips
            _logger.warning("step %d skipped: loss is %g, clips %s", batch.step + 1, loss, ", ".join(skipped_clips))
        if gradient_norm == 0 and state.phase_step == 0:
            _logger.warning(_NOTHING_LEARNS, state.phase.name)
        state.end_step(batch.step + 1)
        return StepReport(
            step=state.done.step,
            steps=self.config.training.steps,
            training_phase=state.phase.name,
            bucket=str(batch.bucket),
            loss=loss,
            gradient_norm=gradient_norm,
            learning_rate=share * self.config.training.optimizer.learning_rate,
            **self._meter.rates(tokens=self._team.data_ranks * self._tokens(batch)),
            skipped_steps=state.done.skipped_steps,
            reference_losses=self._reference_losses(),
            held_out_losses=self._held_out_losses(),
            skipped_clips=skipped_clips,
        )

    def record(self, report: StepReport) -> None:
        """Write what is due after a step: a line of metrics, samples, a checkpoint.

        Raises:
            ValueError: too many steps in a row could not be taken.
        """
        every = self.config.training
        is_notable = report.reference_losses or report.held_out_losses or report.skipped_clips
        if self._log is not None and (is_due(report.step, every_steps=every.log_every_steps) or is_notable):
            self._log.write(report)
        if self._samples.is_due(report.step):
            self._write_samples()
        if is_due(report.step, every_steps=every.checkpoint_every_steps) or report.step == report.steps:
            self._state.save()
        self._expect_taken_steps()
        self._meter.start()

    def finish(self) -> Path:
        """Write the pipeline, with the averaged weights where the run keeps them.

        Raises:
            ValueError: too many steps in a row could not be taken.
        """
        self._state.finish_saving()
        self._expect_taken_steps()
        directory = self._output / "pipeline"
        self._state.write_pipeline(directory)
        return directory

    def close(self) -> None:
        """End cleanly, also after an error. A checkpoint that is being written still counts, if no process waits."""
        if self._log is not None:
            self._log.close()
        if self._team.is_alone:
            self._state.finish_saving()

    def _gradients(self, batch: Batch) -> tuple[float, float]:
        """Loss and gradient norm of a batch over all processes; a device takes a part of it at a time."""
        self.model.train()
        parts = self._turns(batch)
        loss = torch.zeros((), device=self._team.device)
        try:
            for number, part in enumerate(parts):
                part_loss = self._loss(part, number) / len(parts)
                torch.autograd.backward(part_loss)
                loss += part_loss.detach()
        except torch.OutOfMemoryError as error:
            raise MemoryError(_out_of_memory(parts[0])) from error
        norm = clip_grad_norm_(self._state.trained, self.config.training.optimizer.gradient_clip)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        return self._team.mean(loss).item(), norm.item()

    def _expect_taken_steps(self) -> None:
        if self.done.skipped_in_a_row < min(_MOST_SKIPPED_IN_A_ROW, self.config.training.steps):
            return
        clips = self.done.skipped_clips
        more = f" and {len(clips) - _CLIPS_NAMED} more" if len(clips) > _CLIPS_NAMED else ""
        raise ValueError(
            f"the last {self.done.skipped_in_a_row} steps up to {self.done.step} had a loss or a gradient that is not "
            f"finite, and changed nothing; look at the clips of the last, {', '.join(clips[:_CLIPS_NAMED])}{more}, and "
            f"of all in {self._output / 'metrics.jsonl'}, lower training.optimizer.learning_rate, or compute in "
            "float32 (training.execution.precision)"
        )

    def _tokens(self, batch: Batch) -> int:
        return len(batch.examples) * self.config.pipeline.encoders.latents.tokens(batch.bucket)

    def _turns(self, batch: Batch) -> list[Batch]:
        """The batch in parts that a device can hold."""
        latents = self.config.pipeline.encoders.latents
        return batch.split(self.config.training.data.batching.clips_per_device(batch.bucket, latents))

    def _loss(self, part: Batch, number: int) -> Tensor:
        """The loss of the `number`-th part of a batch."""
        training, flow = self.config.training, self.config.pipeline.flow
        seed, step = training.seed, part.step
        encoded = self._encode(part, with_references=self._state.phase.uses_references)
        places = tuple(example.place for example in part.examples)
        timesteps = draw_batch_timesteps(
            places,
            distribution=flow.distribution,
            shift=flow.shift(part.bucket),
            seed=seed,
            step=step,
            ranges=self.config.pipeline.model.timestep_ranges,
        )
        chance = numpy_generator("self-conditioning", seed, step).random()
        shows_estimate = self.config.pipeline.model.self_conditions and chance < training.self_conditioning_probability
        self._meter.count(encoded, trainable=self._state.phase.trainable, shows_estimate=shows_estimate)
        dropout_seed = torch_seed("dropout", seed, step, number, self._team.rank)
        with (
            seeded(dropout_seed, self._team.device),
            computing_in(training.execution.precision, self._team.device),
        ):
            return velocity_loss(
                self.model,
                encoded,
                noise=draw_noise(encoded.latents, places, seed=seed, step=step),
                timesteps=timesteps.to(self._team.device),
                shows_estimate=shows_estimate,
            )

    def _encode(self, batch: Batch, *, with_references: bool) -> EncodedBatch:
        """The batch as the model sees it.

        With references, every batch has room for at least one: all processes then run the same layers, whether or not
        one of their own clips has an image. A batch without any gets exactly nothing from them.
        """
        encoded = encode_batch(
            batch,
            self._encoders,
            words_per_image=self.config.pipeline.model.words_per_image,
            null_text=self._null_text,
            device=self._team.device,
        )
        if not with_references:
            return encoded
        encoders, model = self.config.pipeline.encoders, self.config.pipeline.model
        shape = (encoders.image_tokens, model.words_per_image)
        return replace(encoded, conditions=encoded.conditions.with_room_for_images(*shape, model.image_channels))

    def _reference_losses(self) -> dict[str, ReferenceLosses] | None:
        """Measured after the first step of every training phase, so that the curve has a beginning, and then as due.

        A training phase without references gains exactly nothing from them, and measures nothing.
        """
        training = self.config.training
        every_steps = training.reference_gain_every_steps
        is_first = every_steps > 0 and self._state.phase_step == 1
        if not self._state.phase.uses_references or not (is_first or is_due(self.done.step, every_steps=every_steps)):
            return None
        with computing_in(training.execution.precision, self._team.device):
            losses = reference_losses(self.model, self._probe, self._probe_places, seed=training.seed)
        means = self._team.mean(torch.tensor(list(losses.values()), device=self._team.device))
        return {timestep: ReferenceLosses(*mean) for timestep, mean in zip(losses, means.tolist(), strict=True)}

    def _held_out_losses(self) -> HeldOutLosses | None:
        if self._held_out is None or not self._held_out.is_due(self.done.step, phase_step=self._state.phase_step):
            return None
        return self._held_out.measure(self.model, with_references=self._state.phase.uses_references)

    def _write_samples(self) -> None:
        with nullcontext() if self._state.average is None else self._state.average.in_place_of_weights(self.model):
            self._samples.write(
                self.model, self._encoders.autoencoder, step=self.done.step, seed=self.config.training.seed
            )


def phases_left(phases: tuple[TrainingPhase, ...], *, done: int) -> Iterator[tuple[TrainingPhase, range]]:
    """The training phases that are not finished after `done` steps, each with its steps to come."""
    start = 0
    for phase in phases:
        end = start + phase.steps
        if done < end:
            yield phase, range(max(start, done), end)
        start = end


def _out_of_memory(part: Batch) -> str:
    return (
        f"step {part.step + 1} does not fit in memory: {len(part.examples)} clips of {part.bucket} on one device. "
        "Lower data.batching.tokens_per_device and raise devices_per_group by the same factor, which leaves the batch "
        "as it is; or set execution.recomputes_activations, train on more devices, or set execution.devices_per_clip"
    )
