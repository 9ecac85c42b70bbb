"""`inspect`: what became of every clip, in the terminal and as contact sheets."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text

from curation.funnel import Counts, dataset_counts
from dataset_schema import (
    DatasetManifest,
    EntityKind,
    FailedClip,
    FunnelRow,
    RejectedClip,
    Sample,
    read_manifest,
    read_shard,
    shard_paths,
)
from pipelines.config import parse
from pipelines.terminal import terminal
from pipelines.views.dataset_summary import Summary, summarize
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place
from storage.places import expect_folder_to_write
from storage.whole_files import write_whole_text

_SHEETS_FOLDER: Final = "contact_sheets"
_TOP_WORDS: Final = 10
_BAR: Final = 24  # characters of the longest bar of a histogram

Record = TypeVar("Record", Sample, RejectedClip, FailedClip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspect:
    """Show what a dataset holds and why clips are missing from it.

    Example: python -m pipelines inspect --dataset out/dataset

    Attributes:
        dataset: the output directory of `curate`.
        output: folder for the contact sheets; None puts them into DATASET/contact_sheets, which a dataset in a store of
            objects has not.
        limit: clips on each sheet.
    """

    dataset: Place
    output: Path | None = field(default=None, metadata=WRITES_FOLDER)
    limit: int = 16

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"limit is {self.limit}, expected at least 1")


@dataclass(frozen=True, slots=True)
class Sheets:
    """Where the contact sheets lie."""

    kept: Path
    rejected: Path


def main(arguments: Sequence[str]) -> int:
    """Inspect."""
    command = parse(Inspect, arguments, verb="inspect")
    inspect(command.dataset, command.output, command.limit)
    return 0


def inspect(dataset: Place, output: Path | None, limit: int, console: Console | None = None) -> Sheets:
    """Print a dataset's tables and write its contact sheets, by default into the dataset's own folder.

    Raises:
        OSError: `dataset` is no dataset, or the sheets cannot be written.
        ValueError: it is damaged.
    """
    console = console or terminal()
    manifest = read_manifest(dataset)
    output = output or _own_folder(dataset)
    expect_folder_to_write(output)
    counts = dataset_counts(dataset)
    _print_head(console, dataset, manifest)
    console.print(render_funnel(manifest.funnel))
    console.print(
        f"read {counts.read} = kept {counts.kept} + rejected {counts.rejected} + failed {counts.failed}"
        + ("" if manifest.complete else "   (the run has not finished: curate again to go on)")
    )
    _print_summary(console, summarize(dataset))
    sheets = write_sheets(dataset, output, limit, manifest, counts)
    console.print(f"kept clips: {sheets.kept}\nrejected and failed clips: {sheets.rejected}", soft_wrap=True)
    return sheets


def write_sheets(dataset: Place, output: Path, limit: int, manifest: DatasetManifest, counts: Counts) -> Sheets:
    """Show the first `limit` kept, rejected and failed clips in `kept.html` and `rejected.html`."""
    from pipelines.views.clip_view import policy_of
    from pipelines.views.contact_sheet import kept_sheet, rejected_sheet

    output.mkdir(parents=True, exist_ok=True)
    sheets = Sheets(output / "kept.html", output / "rejected.html")
    policy = policy_of(manifest)
    kept = kept_sheet(_first(dataset, Sample, limit), total=counts.kept, policy=policy)
    lost = rejected_sheet(
        _first(dataset, RejectedClip, limit),
        _first(dataset, FailedClip, limit),
        num_rejected=counts.rejected,
        num_failed=counts.failed,
        policy=policy,
    )
    write_whole_text(sheets.kept, kept)
    write_whole_text(sheets.rejected, lost)
    return sheets


def _own_folder(dataset: Place) -> Path:
    if isinstance(dataset, Path):
        return dataset / _SHEETS_FOLDER
    raise ValueError(
        f"dataset {dataset} lies in a store; say by --output which folder to write its contact sheets into"
    )


def render_funnel(rows: Sequence[FunnelRow]) -> Table:
    """The funnel as a table: one line per stage, with every reason and how often it decided."""
    table = Table(title="funnel", title_justify="left")
    for name in ("stage", "entered", "passed", "rejected", "failed"):
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    table.add_column("reasons", overflow="fold")
    for row in rows:
        rejected, failed = sum(row.rejected.values()), sum(row.failed.values())
        reasons = [
            *(Text(f"{reason} {count}") for reason, count in row.rejected.items()),
            *(Text(f"{kind} {count}", "red") for kind, count in row.failed.items()),
        ]
        numbers = (str(number) if number else "-" for number in (row.entered, row.passed, rejected, failed))
        table.add_row(row.stage, *numbers, Text("\n").join(reasons))
    return table


def _first(dataset: Place, kind: type[Record], limit: int) -> list[Record]:
    return list(islice(_records(dataset, kind), limit))


def _records(dataset: Place, kind: type[Record]) -> Iterator[Record]:
    for path in shard_paths(dataset, kind):
        yield from read_shard(path, kind)


def _print_head(console: Console, dataset: Place, manifest: DatasetManifest) -> None:
    console.print(Text.assemble((str(dataset), "bold"), f"   profile: {manifest.profile}"), soft_wrap=True)
    table = Table(title="annotators", title_justify="left")
    for name in ("job", "annotator", "revision", "weights"):
        table.add_column(name)
    for annotator in manifest.annotators:
        weights = (annotator.weights_sha256 or "")[:12]
        table.add_row(annotator.job, annotator.name, annotator.revision, weights or "-")
    console.print(table)


def _print_summary(console: Console, summary: Summary) -> None:
    words = Table(title="most frequent entity words, clips", title_justify="left")
    for kind in EntityKind:
        words.add_column(kind.value)
    columns = [
        [f"{word} {count}" for word, count in summary.words[kind].most_common(_TOP_WORDS)] for kind in EntityKind
    ]
    for index in range(max(map(len, columns))):
        words.add_row(*(column[index] if index < len(column) else "" for column in columns))
    buckets = _histogram("buckets, clips", Counter(dict(sorted(summary.buckets.items(), key=_bucket_size))))
    references = Counter({str(number): count for number, count in sorted(summary.references.items())})
    console.print(Columns([words, buckets, _histogram("reference images per entity", references)]))
    console.print(f"face crops: {summary.faces}   clips with a background image: {summary.backgrounds}")
    licences = ", ".join(f"{name or 'none said'} {count}" for name, count in summary.licences.most_common(_TOP_WORDS))
    told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in summary.told.items() if count)
    said = f"licences of kept clips: {licences or '-'}   their sources also say: {told or 'nothing'}"
    console.print(said, soft_wrap=True)


def _bucket_size(item: tuple[str, int]) -> tuple[int, ...]:
    frames, height, width = map(int, item[0].split("x"))
    return height, width, frames


def _histogram(title: str, counts: Counter[str]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    largest = max(counts.values(), default=1)
    for name, count in counts.items():
        table.add_row(name, str(count), "#" * max(1, round(_BAR * count / largest)))
    return table
