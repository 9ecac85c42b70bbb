"""What the steps of a run cost in every bucket, and whether they fit the devices; nothing is run or allocated."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.model.costs import (
    Flops,
    Workload,
    hardware_flops,
    model_flops,
)
from modeling.model.lora import adapter_parameters
from modeling.model.weights import parameters_by_part, trained_parameters
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.memory import StepMemory, StepSetup, step_memory
from modeling.training.parallel import ExecutionConfig

# Our choice: a tenth of a device is left to its context, to the buffers of its communication and to fragments.
_USABLE_SHARE = 0.9

_MOST_DEVICES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What a run is to be trained on.

    Attributes:
        count: all of them; they share the weights.
        memory_bytes: of each.
    """

    count: int
    memory_bytes: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.memory_bytes < 1:
            raise ValueError(f"{self.count} devices of {self.memory_bytes} bytes, expected at least one of each")

    @property
    def usable_bytes(self) -> int:
        """What a step may occupy of each."""
        return int(_USABLE_SHARE * self.memory_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketCosts:
    """A step with the clips of one bucket, in the training phase in which it is largest.

    Attributes:
        batch: clips of a step.
        clips_per_device: that a device holds at a time.
        forward: of one clip, with a full caption and all reference images.
        model_flops: of the batch, without what is only recomputed; `hardware_flops` with it.
        memory: of each device.
    """

    bucket: Bucket
    tokens: int
    batch: int
    clips_per_device: int
    forward: Flops
    model_flops: float
    hardware_flops: float
    memory: StepMemory


def run_buckets(run: RunConfig) -> tuple[Bucket, ...]:
    """The sizes that the run names, or all of Table 6."""
    return run.training.data.buckets or TABLE_6_BUCKETS


def bucket_costs(run: RunConfig, bucket: Bucket, devices: Devices) -> BucketCosts:
    """What a step of this bucket costs."""
    training, model = run.training, run.pipeline.model
    latents, batching = run.pipeline.encoders.latents, training.data.batching
    batch, clips = batching.batch_size(bucket, latents), batching.clips_per_device(bucket, latents)
    phases = [(phase, _workload(run, bucket, phase)) for phase in training.phases]
    phase, workload = max(phases, key=lambda each: _flops(run, *each))
    forward = model.forward_flops(workload)
    recomputed = hardware_flops(
        forward,
        trainable=phase.trainable,
        estimates=_estimates(run),
        recomputes=training.execution.recomputes_activations,
    )
    return BucketCosts(
        bucket=bucket,
        tokens=workload.tokens,
        batch=batch,
        clips_per_device=clips,
        forward=forward,
        model_flops=batch * _flops(run, phase, workload),
        hardware_flops=batch * recomputed,
        memory=max(
            (_memory(run, each, replace(work, clips=clips), devices) for each, work in phases),
            key=lambda memory: memory.total,
        ),
    )


def expect_state_fits(run: RunConfig, devices: Devices) -> None:
    """Refuse a run whose weights, gradients, moments and averages alone are more than a device has.

    Raises:
        ValueError: they are; the message says what to change.
    """
    no_clips = Workload(clips=0, tokens=0, text_tokens=0, image_tokens=0)
    state = max(_memory(run, each, no_clips, devices).state for each in run.training.phases)
    if state > devices.memory_bytes:
        weights = sum(parameters_by_part(run.pipeline.model).values())
        raise ValueError(
            f"the model has {weights / 1e9:.1f} billion weights, which with gradients, moments and averages take "
            f"{state / 2**30:.0f} GiB of {devices.memory_bytes / 2**30:.0f} GiB. What a config does not name is the "
            "paper's: set pipeline.model.width and blocks, as configs/train_tiny.toml does; `describe` counts the rest"
        )


def problem_with_number(run: RunConfig, devices: Devices) -> str | None:
    """Why training does not start on so many devices, whatever their memory; None if it does."""
    per_clip = run.training.execution.devices_per_clip
    if devices.count % per_clip:
        return f"{devices.count} devices cannot share clips by {per_clip}; set execution.devices_per_clip to a divisor"
    try:
        run.training.data.batching.check_ranks(devices.count // per_clip)
    except ValueError as error:
        return str(error)
    return None


def trained_weights(run: RunConfig, phase: TrainingPhase) -> int:
    """How many weights a training phase changes, those of adapters included."""
    return trained_parameters(run.pipeline.model, phase.trainable) + _adapters(run)


def fits(run: RunConfig, buckets: Iterable[Bucket], devices: Devices) -> bool:
    """Whether a step of every bucket leaves a tenth of the memory free."""
    return all(bucket_costs(run, bucket, devices).memory.total <= devices.usable_bytes for bucket in buckets)


def remedies(run: RunConfig, buckets: tuple[Bucket, ...], devices: Devices) -> list[str]:
    """What to change so that the run fits, each by itself enough; empty if none of these is."""
    prefix = ""
    if not run.training.execution.recomputes_activations:
        prefix = "recompute activations (execution.recomputes_activations)"
        run = _with_execution(run, replace(run.training.execution, recomputes_activations=True))
        if fits(run, buckets, devices):
            return [prefix]
        prefix += " and "
    changes = (
        _smaller_batches(run, buckets, devices),
        _divided_clips(run, buckets, devices),
        _more_devices(run, buckets, devices),
        _fewer_buckets(run, buckets, devices),
    )
    return [prefix + change for change in changes if change is not None]


def _smaller_batches(run: RunConfig, buckets: tuple[Bucket, ...], devices: Devices) -> str | None:
    """The largest budget of tokens that fits; a device always has at least one clip.

    With more devices per group the batch stays as it is: devices then take turns.
    """
    budget = run.training.data.batching.tokens_per_device
    fitting, failing = 0, budget
    while failing - fitting > min(map(run.pipeline.encoders.latents.tokens, buckets)) // 2:
        middle = (fitting + failing) // 2
        if fits(_with_batching(run, tokens_per_device=middle), buckets, devices):
            fitting = middle
        else:
            failing = middle
    return f"lower data.batching.tokens_per_device from {budget} to {fitting}" if fitting else None


def _divided_clips(run: RunConfig, buckets: tuple[Bucket, ...], devices: Devices) -> str | None:
    count = 2 * run.training.execution.devices_per_clip
    while count <= devices.count and devices.count % count == 0:
        execution = replace(run.training.execution, devices_per_clip=count)
        if fits(_with_execution(run, execution), buckets, devices):
            return f"divide each clip among {count} devices (execution.devices_per_clip)"
        count *= 2
    return None


def _more_devices(run: RunConfig, buckets: tuple[Bucket, ...], devices: Devices) -> str | None:
    count = 2 * devices.count
    while count <= _MOST_DEVICES:
        if fits(run, buckets, replace(devices, count=count)):
            return f"use {count} devices"
        count *= 2
    return None


def _fewer_buckets(run: RunConfig, buckets: tuple[Bucket, ...], devices: Devices) -> str | None:
    failing = [str(bucket) for bucket in buckets if not fits(run, [bucket], devices)]
    return f"leave out {', '.join(failing)}" if len(failing) < len(buckets) else None


def _with_execution(run: RunConfig, execution: ExecutionConfig) -> RunConfig:
    return replace(run, training=replace(run.training, execution=execution))


def _with_batching(run: RunConfig, **changes: int) -> RunConfig:
    data = run.training.data
    return replace(run, training=replace(run.training, data=replace(data, batching=replace(data.batching, **changes))))


def _workload(run: RunConfig, bucket: Bucket, phase: TrainingPhase) -> Workload:
    """One clip of the bucket, with as many words and images as there may be."""
    encoders = run.pipeline.encoders
    images = run.pipeline.model.max_images * encoders.image_tokens if phase.uses_references else 0
    tokens = encoders.latents.tokens(bucket)
    return Workload(
        clips=1,
        tokens=tokens,
        text_tokens=run.pipeline.model.text_tokens or encoders.max_text_tokens,
        image_tokens=images,
    )


def _estimates(run: RunConfig) -> float:
    return run.training.self_conditioning_probability if run.pipeline.model.self_conditions else 0.0


def _flops(run: RunConfig, phase: TrainingPhase, workload: Workload) -> float:
    forward = run.pipeline.model.forward_flops(workload)
    return model_flops(forward, trainable=phase.trainable, estimates=_estimates(run))


def _adapters(run: RunConfig) -> int:
    lora = run.training.lora
    return 0 if lora is None else adapter_parameters(run.pipeline.model, lora)


def _memory(run: RunConfig, phase: TrainingPhase, workload: Workload, devices: Devices) -> StepMemory:
    setup = StepSetup(
        trainable=phase.trainable,
        execution=run.training.execution,
        trained_by_run=tuple(each.trainable for each in run.training.phases),
        averages_weights=run.training.ema_decay is not None,
        adapter_parameters=_adapters(run),
        devices=devices.count,
    )
    return step_memory(run.pipeline.model, workload, setup)
