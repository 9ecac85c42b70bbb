"""`export`: a curated dataset in the form that another trainer reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table

from exports.config import ExportConfig
from exports.export import expect_new_or_same, expect_reader_opens, export
from exports.formats.every_format import FORMATS, FormatName
from exports.planning import expect_possible
from exports.published import open_dataset
from exports.survey import Counts, survey
from pipelines.config import parse
from pipelines.progress import progress
from pipelines.terminal import terminal
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Write a curated dataset in the form that another trainer reads.

    What no row of the trainer can be is told with its reason before anything is written. Run it again after an
    interruption: it goes on where it stopped. Example:
    python -m pipelines export --dataset out/dataset --to musubi --output out/musubi

    Attributes:
        dataset: what `curate`, `select` or `merge` wrote, finished; a directory, or its address.
        to: the format; docs/formats.md says what each keeps and loses, and which command comes next.
        output: the new folder; or, for `webdataset` and `phantom`, an address in a store: s3://bucket/prefix.
        dry_run: say what would be written and what falls out, and stop.
        options: what is written, and how.
    """

    dataset: Place
    to: FormatName
    output: Place = field(metadata=WRITES_FOLDER)
    dry_run: bool = False
    options: ExportConfig = field(default_factory=ExportConfig)


def main(arguments: Sequence[str]) -> int:
    """Say what falls out, write, and say what comes next."""
    command = parse(Export, arguments, verb="export", check=_check)
    form = FORMATS[command.to]
    dataset = open_dataset(command.dataset)
    expect_new_or_same(dataset, form, command.output, command.options)
    with progress("look through", total=dataset.clips, unit="clip") as on_row:
        planned = survey(dataset, form, command.options, on_row)
    console = terminal()
    console.print(render_counts(planned, title=f"{command.dataset} as {form.name}"))
    console.print(*_remarks(planned), sep="\n", soft_wrap=True)
    if not planned.written:
        raise ValueError(f"no clip of {command.dataset} can be written as {form.name}; nothing is written")
    if command.dry_run:
        return 0
    with progress("export", total=planned.rows, unit="clip") as on_row:
        finished = export(dataset, form, command.output, command.options, on_row=on_row)
    counts = finished.counts
    if counts.refused != planned.refused:
        console.print(render_counts(counts, title="while writing, more fell out"))
    was = "export" if finished.is_new else "the same export is there already"
    refused = sum(counts.refused.values())
    console.print(
        f"{was}: {command.output}   rows {counts.rows} = written {counts.written} + refused {refused}",
        f"next: {finished.command}",
        sep="\n",
        soft_wrap=True,
    )
    return 0


def _check(command: Export) -> None:
    form = FORMATS[command.to]
    expect_possible(form, command.options)
    expect_reader_opens(form, command.output)


def render_counts(counts: Counts, *, title: str) -> Table:
    """The funnel: what is written, and what is not by its reason, with the first clip of each."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("clips", justify="right")
    table.add_column("such as", overflow="fold")
    table.add_row("rows", str(counts.rows), "")
    for reason, count in counts.refused.most_common():
        table.add_row(f"- {reason}", str(count), counts.examples[reason])
    table.add_row("written", str(counts.written), ", ".join(f"{count} {how}" for how, count in counts.videos.items()))
    return table


def _remarks(counts: Counts) -> list[str]:
    """What else is worth knowing before it is written."""
    lines = [f"{counts.pictures} pictures, {counts.outside} of them from another time than their clip"]
    if counts.silent:
        lines.append(f"{counts.silent} clips without sound")
    if set(counts.groups) != {""}:
        groups = ", ".join(f"{name} {count}" for name, count in sorted(counts.groups.items()))
        lines.append(f"groups: {groups}")
    return lines
