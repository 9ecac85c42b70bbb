"""What was measured as lines of tables, each as soon as it is known."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import torch

from benchmarks.gpu.attention import measure_attention
from benchmarks.gpu.clock import memory_bytes
from benchmarks.gpu.products import measure_products
from benchmarks.gpu.sampling_time import SampledModel
from benchmarks.gpu.training_steps import StepFigures, TrainedModel, described_bytes, step_flops
from benchmarks.measuring import verdict
from dataset_schema import Bucket
from modeling.model.costs import peak_flops_per_s
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.presets import paper
from modeling.training.run_costs import Devices

# What bfloat16 products come to on a GPU of the H200's class, without sparsity.
PEAK_TFLOPS: Final = 790.0
GOAL_TFLOPS: Final = 400.0  # of a step of the paper's model, on one H200

_GIB: Final = 1024**3


def head(run: RunConfig, device: torch.device) -> Iterator[str]:
    """Where and of what the figures are."""
    if device.type == "cpu":
        yield "REHEARSAL ON A CPU: whether everything runs. No figure below says anything about a GPU.\n"
    else:
        name = torch.cuda.get_device_name(device)
        sheet = peak_flops_per_s(name)
        told = "not listed here" if sheet is None else f"{sheet / 1e12:.0f} TFLOP/s"
        yield f"{name}, {(memory_bytes(device) or 0) / _GIB:.0f} GiB, bfloat16 by its data sheet: {told}"
    model = run.pipeline.model
    yield f"torch {torch.__version__}, CUDA {torch.version.cuda or 'none'}"
    yield f"width {model.width}, {model.blocks} blocks, {model.heads} heads; shares are of {PEAK_TFLOPS:.0f} TFLOP/s"


def training_lines(
    run: RunConfig,
    phases: Sequence[TrainingPhase],
    buckets: Sequence[Bucket],
    device: torch.device,
    *,
    compiles: Sequence[bool],
    steps: int,
) -> Iterator[str]:
    """A step of every phase and bucket; a bucket that does not fit says what would."""
    yield "\ntraining steps"
    yield (
        f"{'phase':7}{'blocks are':11}{'bucket':>14}{'clips':>6}{'s a step':>10}{'TFLOP/s':>9}{'share':>7}"
        f"{'with recomputation':>20}{'peak GiB':>10}{'described':>10}"
    )
    for phase in phases:
        fitting = [bucket for bucket in buckets if _fits(run, phase, bucket, device)]
        for bucket in (bucket for bucket in buckets if bucket not in fitting):
            yield f"{phase.name:18}{bucket!s:>14}  does not fit: {_what_would_fit(run, phase, bucket, device)}"
        if fitting and device.type == "cuda":
            flops = sum(step_flops(run, phase, bucket) for bucket in fitting)
            yield f"{phase.name:7}two steps of each take about {2 * flops / GOAL_TFLOPS / 60e12:.0f} min at the goal"
        for compiled in compiles if fitting else ():
            yield from _step_lines(run, phase, fitting, device, compiled=compiled, steps=steps)


def _step_lines(
    run: RunConfig,
    phase: TrainingPhase,
    buckets: Sequence[Bucket],
    device: torch.device,
    *,
    compiled: bool,
    steps: int,
) -> Iterator[str]:
    """Of one model, which is gone afterwards. What a GPU refuses is a line, and the next bucket is measured."""
    start = f"{phase.name:7}{'compiled' if compiled else 'eager':11}"
    execution = replace(run.training.execution, compiles=compiled)
    run = replace(run, training=replace(run.training, execution=execution))
    try:
        model = TrainedModel(run, phase, device)
    except RuntimeError as error:
        yield f"{start}did not start: {_first_line(error)}"
        return
    for bucket in buckets:
        try:
            line = _step_line(model.measure(bucket, steps=steps), run, device)
        except RuntimeError as error:
            line = f"{bucket!s:>14}  did not run: {_first_line(error)}"
        yield start + line


def _first_line(error: RuntimeError) -> str:
    return str(error).strip().partition("\n")[0]


def attention_lines(run: RunConfig, buckets: Sequence[Bucket], device: torch.device, *, rounds: int) -> Iterator[str]:
    """Every kernel on the attentions of one clip of each bucket."""
    yield "\nattention of one clip, bfloat16"
    yield f"{'bucket':>14}  {'layer':16}{'kernel':12}{'forward ms':>12}{'TFLOP/s':>9}{'both ms':>12}{'TFLOP/s':>9}"
    for bucket in buckets:
        for found in measure_attention(run, bucket, device, rounds=rounds):
            forward = _attention_cells(found.forward_s, found.forward_flops)
            both = _attention_cells(found.both_s, 3 * found.forward_flops)
            yield f"{found.bucket!s:>14}  {found.layer:16}{found.back_end:12}{forward}{both}  {found.problem}".rstrip()


def product_lines(run: RunConfig, device: torch.device, *, rounds: int) -> Iterator[str]:
    """What float8 would be worth for the matrices of a block; the model itself computes in bfloat16."""
    yield "\nproducts of a step's tokens with a block's matrices, TFLOP/s"
    yield f"{'matrix':>10}{'bfloat16':>10}{'float8':>10}{'tokens rounded first':>22}{'times':>7}{'error':>8}"
    for found in measure_products(run, device, rounds=rounds):
        speeds = (found.flops / seconds / 1e12 for seconds in (found.bfloat16_s, found.float8_s, found.rounded_s))
        bfloat16, float8, rounded = speeds
        yield (
            f"{found.layer:>10}{bfloat16:10.1f}{float8:10.1f}{rounded:22.1f}{rounded / bfloat16:7.2f}{found.error:8.1%}"
        )


def annotator_lines(device: torch.device, *, rounds: int) -> Iterator[str]:
    """Curation's networks in every precision."""
    from benchmarks.gpu.annotators import measure_annotators  # alone of all parts it needs what curation needs

    yield "\nnetworks of curation"
    yield f"{'network':>16}{'precision':>11}{'frames/s':>11}{'probabilities moved by':>24}"
    for found in measure_annotators(device, rounds=rounds):
        yield f"{found.network:>16}{found.precision:>11}{found.frames_per_s:11.0f}{found.moved:24.1e}"


def sampling_lines(
    run: RunConfig, buckets: Sequence[Bucket], device: torch.device, *, rounds: int, steps: int
) -> Iterator[str]:
    """A video of every bucket, from `steps` denoising steps of it."""
    yield "\nsampling one video: bfloat16, Equation 2 in one batch, without the autoencoder"
    yield f"{'bucket':>14}{'s a step':>10}{'steps':>7}{'s a video':>11}{'peak GiB':>10}"
    model = SampledModel(run, device)
    for bucket in buckets:
        try:
            found = model.measure(bucket, steps=steps, rounds=rounds)
        except RuntimeError as error:
            yield f"{bucket!s:>14}  did not run: {_first_line(error)}"
            continue
        yield (
            f"{found.bucket!s:>14}{found.step_s:10.3f}{found.steps:7}{found.video_s:11.1f}{_gib(found.peak_bytes):>10}"
        )


def with_blocks(run: RunConfig, blocks: int) -> RunConfig:
    """The run of a model of another depth."""
    model: Any = run.pipeline.model
    return replace(run, pipeline=replace(run.pipeline, model=replace(model, blocks=blocks)))


def _step_line(found: StepFigures, run: RunConfig, device: torch.device) -> str:
    reached, computed = (flops / found.seconds / 1e12 for flops in (found.model_flops, found.hardware_flops))
    has_goal = device.type == "cuda" and "H200" in torch.cuda.get_device_name(device)
    goal = f"  {verdict(reached, GOAL_TFLOPS, at_most=False)}" if has_goal and run.pipeline == paper().pipeline else ""
    return (
        f"{found.bucket!s:>14}{found.clips:6}{found.seconds:10.3f}{reached:9.1f}{reached / PEAK_TFLOPS:7.1%}"
        f"{computed:20.1f}{_gib(found.peak_bytes):>10}{_gib(found.described_bytes):>10}{goal}"
    )


def _attention_cells(seconds: float | None, flops: float) -> str:
    if seconds is None:
        return f"{'refuses':>21}"
    return f"{1000 * seconds:12.2f}{flops / seconds / 1e12:9.1f}"


def _fits(run: RunConfig, phase: TrainingPhase, bucket: Bucket, device: torch.device) -> bool:
    memory = memory_bytes(device)
    if memory is None:
        return True
    return described_bytes(run, phase, bucket) <= Devices(count=1, memory_bytes=memory).usable_bytes


def _what_would_fit(run: RunConfig, phase: TrainingPhase, bucket: Bucket, device: torch.device) -> str:
    """What the step needs, and of how many blocks it would fit."""
    wanted = f"{described_bytes(run, phase, bucket) / _GIB:.0f} GiB by describe"
    fewer = range(run.pipeline.model.blocks - 1, 0, -1)
    most = next((blocks for blocks in fewer if _fits(with_blocks(run, blocks), phase, bucket, device)), None)
    return f"{wanted}, and not with one block" if most is None else f"{wanted}; --blocks {most} does"


def _gib(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / _GIB:.2f}"
