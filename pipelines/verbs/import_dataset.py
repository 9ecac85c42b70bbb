"""`import`: an annotated dataset of others in, a dataset out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from rich.table import Table

from curation.annotators.given.masks import GivenMasksConfig
from curation.annotators.given.words import GivenWordsConfig
from curation.execution.choice import choose_executor
from curation.execution.executor import Executor
from curation.execution.local import LocalExecutor
from curation.execution.run import CurationRun, RunResult, run_curation
from curation.imports import LAYOUTS, ForeignDataset, ImportConfig, LayoutName, UnmappedCounts, open_foreign
from curation.imports.unmapped import PLAIN
from curation.profiles import CurationConfig, EmbeddedAnnotators, build_stages
from curation.stage import Stage
from curation.stages.decode import DecodeConfig
from curation.stages.entity_words import EntityWordsConfig
from curation.stages.reference_images import ReferenceImagesConfig
from dataset_schema import FailureKind
from pipelines.config import arg, parse
from pipelines.progress import progress
from pipelines.terminal import terminal
from pipelines.verbs.curate import telling_ends
from pipelines.verbs.inspect import render_funnel
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place
from storage.configs import to_plain, undecisive_fields


def given_annotators() -> CurationConfig:
    """Curation of clips that come with their words and masks.

    Frames are not shrunk, because masks are given in their pixels, and no detector loses words when there are many. Two
    words are names of one thing from the IoU on from which OpenS2V-5M takes masks for doubles.
    """
    return CurationConfig(
        annotators=EmbeddedAnnotators(words=GivenWordsConfig(), masks=GivenMasksConfig()),
        entity_words=EntityWordsConfig(max_words=64),
        decode=DecodeConfig(reference_long_side=8192),
        reference_images=ReferenceImagesConfig(same_mask_iou=0.8),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportDataset:
    """Read an annotated dataset of others, and let its clips pass the checks that curation has for its own.

    Words, masks and pictures are taken as they come; shots, content, pictures and backgrounds are checked. Run it again
    after an interruption: it goes on where it stopped. Example:
    python -m pipelines import --from opens2v --input Jsons/mask_and_bbox --videos Videos --output out/dataset

    Attributes:
        layout: whose dataset it is; docs/imports.md says what of each is kept and lost.
        input: where its annotations lie.
        output: the dataset directory, or its address in a store of objects.
        videos: the folder of its videos, where they do not lie beside the annotations.
        options: what of it is taken.
        curation: annotators and thresholds.
        retry: take failures of these kinds out of the dataset and try them again: `input`, once missing videos are
            there.
        executor: `local` is this process, for debugging; `auto` chooses as `curate` does.
        address: of a Ray cluster to join, such as `auto`; None stays on this machine.
    """

    layout: Annotated[LayoutName, arg(name="from")]
    input: Path
    output: Place = field(metadata=WRITES_FOLDER)
    videos: Path | None = None
    options: ImportConfig = field(default_factory=ImportConfig)
    curation: CurationConfig = field(default_factory=given_annotators)
    retry: tuple[FailureKind, ...] = ()
    executor: Literal["auto", "local"] = "auto"
    address: str | None = None

    def __post_init__(self) -> None:
        masks = self.curation.annotators.masks.profile
        if masks != "given":
            raise ValueError(
                f"masks has profile {masks}, expected `given`: `import` reads masks; "
                "for a dataset without any there is `curate`"
            )


def main(arguments: Sequence[str]) -> int:
    """Import; the exit status is 0 although clips are rejected or fail: the tables say which and why."""
    command = parse(ImportDataset, arguments, verb="import")
    foreign = open_foreign(LAYOUTS[command.layout], command.input, command.videos, command.options)
    result = import_dataset(command, foreign)
    counts = result.counts
    console = terminal()
    console.print(render_funnel(result.funnel))
    if foreign.unmapped.counts:
        console.print(render_unmapped(foreign.unmapped, title=f"what of {foreign.layout.title} has no place here"))
    console.print(
        f"read {counts.read} = kept {counts.kept} + rejected {counts.rejected} + failed {counts.failed}",
        f"licence of the annotations: {foreign.licence}",
        f"dataset: {command.output}",
        sep="\n",
        soft_wrap=True,
    )
    return 0


def import_dataset(command: ImportDataset, foreign: ForeignDataset) -> RunResult:
    """Run the command, with a progress bar; how many rows there are, only reading them all would tell."""
    stages = build_stages(command.curation)
    with progress("import", total=None, unit="clip") as report:
        run = _run_of(command, stages)
        return run_curation(foreign, run, executor=_executor_of(command, stages), on_progress=telling_ends(report))


def render_unmapped(unmapped: UnmappedCounts, *, title: str) -> Table:
    """What was left out, by its reason, with the first example of each."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("count", justify="right")
    table.add_column("such as", overflow="fold")
    for reason, count in unmapped.counts.most_common():
        table.add_row(PLAIN[reason], str(count), unmapped.examples[reason])
    return table


def _run_of(command: ImportDataset, stages: Sequence[Stage]) -> CurationRun:
    config: dict[str, Any] = {
        "import": {"from": command.layout, **to_plain(command.options)},
        "curation": to_plain(command.curation),
        "score_all": False,
    }
    return CurationRun(
        stages=stages,
        output=command.output,
        profile=command.curation.annotators.profile,
        config=config,
        undecisive=frozenset(f"curation.{name}" for name in undecisive_fields(command.curation)),
        retry=frozenset(command.retry),
    )


def _executor_of(command: ImportDataset, stages: Sequence[Stage]) -> Executor:
    if command.executor == "local":
        return LocalExecutor()
    return choose_executor(stages, address=command.address)
