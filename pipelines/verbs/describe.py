"""`describe`: what a run would cost, and whether it fits, before anything is started."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modeling.data.store import SampleStore
from modeling.data.visits import BucketVisits, Visits, expected_visits
from modeling.encoders import LatentGeometry
from modeling.model.weights import parameters_by_part
from modeling.training.config import RunConfig
from modeling.training.presets import tiny
from modeling.training.run_costs import (
    BucketCosts,
    Devices,
    bucket_costs,
    problem_with_number,
    remedies,
    run_buckets,
    trained_weights,
)
from pipelines.config import parse
from pipelines.terminal import terminal
from storage.address import Place
from storage.numbers import expect_at_least, expect_positive

_GIB: Final = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Print weights, tokens, operations and memory of a training run for every bucket, and whether it fits.

    Nothing is trained or downloaded, and no weights are allocated. The exit status is 0 whether it fits or not.
    Example: python -m pipelines describe --config configs/train_paper.toml --gpus 64 --memory-gib 80

    Attributes:
        run: the model, its encoders and how it is trained; the values shown are those of the tiny preset.
        gpus: devices that train together; None takes those of one group, `data.batching.devices_per_group`.
        memory_gib: of each device; the paper's have 80.
        dataset: as for `train`, to count its clips, how often the run shows each, and to leave out buckets without any.
    """

    run: RunConfig = field(default_factory=tiny)
    gpus: int | None = None
    memory_gib: float = 80.0
    dataset: Place | None = None

    def __post_init__(self) -> None:
        expect_at_least(1, "describe", self, "gpus")
        expect_positive("describe", self, "memory_gib")


def main(arguments: Sequence[str]) -> int:
    """Describe."""
    describe(parse(Describe, arguments, verb="describe"))
    return 0


def describe(command: Describe, console: Console | None = None) -> None:
    """Print the tables and the conclusion.

    Raises:
        ValueError: there is no device, or the dataset has no clips.
    """
    console = console or terminal()
    run = command.run
    gpus = run.training.data.batching.devices_per_group if command.gpus is None else command.gpus
    devices = Devices(count=gpus, memory_bytes=int(command.memory_gib * _GIB))
    visits = None if command.dataset is None else _visits(command.dataset, run)
    buckets = run_buckets(run) if visits is None else tuple(visits.buckets)
    costs = [bucket_costs(run, bucket, devices) for bucket in buckets]
    console.print(_parts_table(run))
    console.print(_phases_table(run))
    console.print(_buckets_table(costs, devices, visits, run.pipeline.encoders.latents))
    if visits is not None:
        console.print(_visits_line(visits), soft_wrap=True)
    console.print(_setup_line(run, devices), soft_wrap=True)
    console.print(_conclusion(run, costs, devices), soft_wrap=True)
    if problem := problem_with_number(run, devices):
        console.print(f"Training will not start so: {problem}.", soft_wrap=True)


def _conclusion(run: RunConfig, costs: Sequence[BucketCosts], devices: Devices) -> str:
    """One sentence: whether every bucket fits and, if not, what to change."""
    fullest = max(costs, key=lambda cost: cost.memory.total)
    needs = f"{fullest.bucket} needs {_gib(fullest.memory.total)} of {_gib(devices.memory_bytes)} GiB per device"
    rule = f"of which {_gib(devices.usable_bytes)} are usable"
    if fullest.memory.total <= devices.usable_bytes:
        return f"It fits: {needs}, {rule}."
    buckets = tuple(cost.bucket for cost in costs)
    found = remedies(run, buckets, devices) or [
        "train a smaller model (pipeline.model.width or blocks), or on devices with more memory"
    ]
    return f"It does not fit: {needs}, {rule}; {', or '.join(found)}."


def _visits(dataset: Place, run: RunConfig) -> Visits:
    data = run.training.data
    store = SampleStore(dataset, data.buckets, fps=run.pipeline.model.fps)
    numbers = {bucket: store.numbers(bucket) for bucket in store.clips_per_bucket()}
    return expected_visits(numbers, data.batching, steps=run.training.steps, latents=run.pipeline.encoders.latents)


def _visits_line(visits: Visits) -> str:
    clips, mean = len(visits.per_clip), visits.per_clip.mean()
    return (
        f"The run shows each of {clips:,} clips {mean:.3g} times on average, over all buckets that it fills; the one "
        f"that it shows most {visits.per_clip.max():.3g} times, {visits.imbalance:.2f} times as often"
    )


def _parts_table(run: RunConfig) -> Table:
    table = Table(title="weights", title_justify="left")
    table.add_column("part")
    table.add_column("millions", justify="right")
    counts = parameters_by_part(run.pipeline.model)
    for part, count in counts.items():
        table.add_row(part.value, _millions(count))
    table.add_section()
    table.add_row("all", _millions(sum(counts.values())))
    return table


def _phases_table(run: RunConfig) -> Table:
    table = Table(title="training phases", title_justify="left")
    table.add_column("phase")
    for name in ("steps", "trained weights, millions"):
        table.add_column(name, justify="right")
    table.add_column("references")
    for phase in run.training.phases:
        trained = trained_weights(run, phase)
        table.add_row(phase.name, f"{phase.steps:,}", _millions(trained), "yes" if phase.uses_references else "no")
    return table


def _buckets_table(
    costs: Sequence[BucketCosts], devices: Devices, visits: Visits | None, latents: LatentGeometry
) -> Table:
    table = Table(title="one step of every bucket", title_justify="left", box=SIMPLE_HEAD, padding=0)
    for name in ("bucket", "latents"):
        table.add_column(name, no_wrap=True)
    numbers = ["tokens", "batch", "clips\n/GPU", "fwd\nTFLOP", "attn\n%", "step\nPFLOP", "GiB\n/GPU"]
    for name in numbers if visits is None else ["clips", "epochs", *numbers]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("fits")
    for cost in costs:
        counted = [] if visits is None else _counted(visits.buckets[cost.bucket])
        table.add_row(
            str(cost.bucket),
            "x".join(map(str, latents.shape(cost.bucket))),
            *counted,
            f"{cost.tokens:,}",
            f"{cost.batch}",
            f"{cost.clips_per_device}",
            f"{cost.forward.total / 1e12:.4g}",
            f"{100 * cost.forward.attention_share:.0f}",
            f"{cost.model_flops / 1e15:.3g}",
            _gib(cost.memory.total),
            "yes" if cost.memory.total <= devices.usable_bytes else Text("no", "red"),
        )
    return table


def _counted(bucket: BucketVisits) -> list[str]:
    return [f"{bucket.clips:,}", f"{bucket.epochs:.3g}"]


def _setup_line(run: RunConfig, devices: Devices) -> str:
    execution = run.training.execution
    recomputed = "recomputed" if execution.recomputes_activations else "kept"
    gpus = "1 GPU" if devices.count == 1 else f"{devices.count} GPUs"
    return (
        f"{gpus}, {execution.precision.value}, activations {recomputed}; "
        "step PFLOP are of the batch, without recomputation; frozen encoders come on top of the memory"
    )


def _millions(count: int) -> str:
    return f"{count / 1e6:,.1f}"


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.1f}"
