"""`curate`: videos and captions in, a dataset out."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from curation.execution.choice import choose_executor
from curation.execution.executor import Executor
from curation.execution.local import LocalExecutor
from curation.execution.plan import Plan, make_plan
from curation.execution.processes import ProcessExecutor
from curation.execution.run import CurationRun, RunResult, run_curation
from curation.execution.withheld import Withheld
from curation.funnel import Counts
from curation.opt_outs import OptOuts, dataset_opt_outs, read_opt_outs
from curation.profiles import CurationConfig, build_stages
from curation.sources import SourcesConfig, read_sources
from curation.stage import Stage
from curation.video.requests import ContentHash
from dataset_schema import FailureKind
from pipelines.config import parse
from pipelines.progress import Report, progress
from pipelines.terminal import terminal
from pipelines.verbs.inspect import render_funnel
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place
from storage.configs import to_plain, undecisive_fields

_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Curate:
    """Curate videos and captions into a dataset of subjects, objects and backgrounds bound to their words.

    Run it again after an interruption: it goes on where it stopped. Example:
    python -m pipelines curate --input videos/ --output out/dataset --sources.caption "A dog runs on the grass."

    Attributes:
        input: a folder (every file in it is a video, `NAME.txt` beside one its caption) or a .csv, .jsonl or .parquet
            manifest with the columns `video` and `caption`; a folder of Parquet parts is one manifest. It may lie in a
            store, such as s3://bucket/videos.
        output: the dataset directory, or its address in a store of objects such as s3://bucket/dataset.
        sources: how to read the input.
        curation: annotators and thresholds.
        score_all: let every stage score every clip, also those that an earlier one rejected, and list all reasons.
        retry: take failures of these kinds out of the dataset and try them again.
        dry_run: print the plan and stop: stages, workers, GPUs, expected memory.
        executor: `processes` uses every core of this machine, `ray` also its GPUs, or a cluster; `auto` takes `ray`
            where there is an address or a stage on a GPU, else `processes`. `local` is this process, for debugging.
        address: of a Ray cluster to join, such as `auto`; None stays on this machine.
        opt_out: a list of what may not come in, beside what was forgotten from the output (`forget`). A line is the
            SHA-256 of a video file, a perceptual hash, or the id or address of a source; `opt_out.jsonl` of a dataset
            is such a list.
        recycle_after: clips after which a worker process gives way to a fresh one, since libraries leak.
    """

    input: Place
    output: Place = field(metadata=WRITES_FOLDER)
    sources: SourcesConfig = field(default_factory=SourcesConfig)
    curation: CurationConfig = field(default_factory=CurationConfig)
    score_all: bool = False
    retry: tuple[FailureKind, ...] = ()
    dry_run: bool = False
    executor: Literal["auto", "processes", "ray", "local"] = "auto"
    address: str | None = None
    opt_out: Place | None = None
    recycle_after: int = 5000

    def __post_init__(self) -> None:
        if self.address is not None and self.executor not in ("auto", "ray"):
            raise ValueError(
                f"address is {self.address!r} with the executor {self.executor!r}, expected `ray` or `auto`: "
                "no other one joins a cluster"
            )


def main(arguments: Sequence[str]) -> int:
    """Curate; the exit status is 0 although clips are rejected or fail: the tables say which and why."""
    command = parse(Curate, arguments, verb="curate")
    console = terminal()
    if command.dry_run:
        console.print(_plan_table(command))
        return 0
    result = curate(command)
    show_result(console, command, result)
    return 0


def curate(command: Curate) -> RunResult:
    """Run the command, with a progress bar."""
    # How many clips a video is split into, nobody knows before.
    is_counted = command.curation.several_shots == "reject"
    records = read_sources(command.input, command.sources, output=command.output)
    total = len(records) if is_counted else None
    with progress("curate", total=total, unit="clip") as report:
        run = run_of(command)
        return run_curation(records, run, executor=_executor_of(command, run.stages), on_progress=telling_ends(report))


def telling_ends(report: Report) -> Callable[[Counts], None]:
    """Tells a bar what became of the clips; what it is told first is what earlier runs did."""
    is_first = True

    def tell(counts: Counts) -> None:
        nonlocal is_first
        note = f"kept {counts.kept}, rejected {counts.rejected}, failed {counts.failed}"
        report(counts.read, note, by_earlier_runs=is_first)
        is_first = False

    return tell


def show_result(console: Console, command: Curate, result: RunResult) -> None:
    """The funnel, the sum that must hold, and where to look."""
    console.print(render_funnel(result.funnel))
    counts = result.counts
    console.print(
        f"read {counts.read} = kept {counts.kept} + rejected {counts.rejected} + failed {counts.failed}"
        f"   profile: {command.curation.annotators.profile}"
    )
    look = f"make inspect DATASET={shlex.quote(str(command.output))}"
    console.print(f"dataset: {command.output}   look at it: {look}", soft_wrap=True)


def run_of(command: Curate) -> CurationRun:
    """The run that the command describes."""
    # What decides about a clip, and nothing else: another executor may go on with a dataset, from another folder.
    config: dict[str, Any] = {
        "sources": to_plain(command.sources),
        "curation": to_plain(command.curation),
        "score_all": command.score_all,
    }
    opt_outs = dataset_opt_outs(command.output)
    if command.opt_out is not None:
        opt_outs |= read_opt_outs(command.opt_out)
    return CurationRun(
        stages=build_stages(_telling(command.curation, opt_outs)),
        output=command.output,
        profile=command.curation.annotators.profile,
        config=config,
        undecisive=frozenset(
            f"{part}.{name}"
            for part, marked in (("sources", command.sources), ("curation", command.curation))
            for name in undecisive_fields(marked)
        ),
        score_all=command.score_all,
        retry=frozenset(command.retry),
        withheld=Withheld(opt_outs=opt_outs, thumbnails=command.curation.other_faces == "blur"),
    )


def _telling(curation: CurationConfig, opt_outs: OptOuts) -> CurationConfig:
    """The same, with all that tells whether a source is on the list."""
    decode = curation.decode
    if opt_outs.contents:
        decode = replace(decode, content_hash=ContentHash.ALWAYS)
    if opt_outs.looks:
        decode = replace(decode, perceptual_hash=True)
    return replace(curation, decode=decode)


def _executor_of(command: Curate, stages: Sequence[Stage]) -> Executor:
    match command.executor:
        case "auto":
            return choose_executor(stages, address=command.address, recycle_after=command.recycle_after)
        case "processes":
            return ProcessExecutor(recycle_after=command.recycle_after)
        case "ray":
            from curation.execution.ray_executor import RayExecutor

            return RayExecutor(address=command.address, recycle_after=command.recycle_after)
        case "local":
            return LocalExecutor()


def _plan_table(command: Curate) -> Table:
    sources = read_sources(command.input, command.sources, output=command.output)
    stages = build_stages(command.curation)
    executor = _executor_of(command, stages)
    plan = make_plan(stages, output=command.output, machines=executor.machines(), is_one_group=executor.is_one_group)
    table = Table(
        title=f"plan of a run of {len(sources)} rows by {type(executor).__name__}, "
        f"profile {command.curation.annotators.profile}; "
        "CPUs, GPUs and GiB of each worker",
        show_footer=True,
        box=SIMPLE,
        padding=(0, 1, 0, 0),
    )
    table.add_column("stage", "all workers", no_wrap=True)
    for name, total in _totals(plan).items():
        table.add_column(name, total if isinstance(total, str) else f"{total:g}", justify="right")
    for row in plan.describe():
        memory = (row.memory_bytes / _GIB, row.gpu_memory_bytes / _GIB)
        cells = (row.group, row.workers, row.cpus, row.gpus, *memory, row.batch_size, row.timeout_s)
        table.add_row(row.stage, *(f"{cell:g}" for cell in cells))
    return table


def _totals(plan: Plan) -> dict[str, float | str]:
    """The columns of the plan's table, and what all workers of all groups take together where that means something."""
    groups = plan.groups
    return {
        "group": "",
        "workers": sum(group.workers for group in groups),
        "CPUs": sum(group.workers * group.cpus for group in groups),
        "GPUs": sum(group.workers * group.gpus for group in groups),
        "GiB": sum(group.workers * group.memory_bytes for group in groups) / _GIB,
        "GPU GiB": sum(group.workers * group.gpu_memory_bytes for group in groups) / _GIB,
        "batch": "",
        "timeout s": "",
    }
