"""`plots`: a dataset's pictures for a paper."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from curation.funnel import dataset_counts
from dataset_schema import FunnelRow
from pipelines.browser.opened import open_dataset
from pipelines.browser.overview import Overview, count_overview
from pipelines.browser.plots import funnel_chart, histograms_chart, word_cloud
from pipelines.config import parse
from pipelines.terminal import terminal
from pipelines.verbs.inspect import write_sheets
from pipelines.views.charts import save_chart
from pipelines.written_places import WRITES_FOLDER
from storage.whole_files import write_whole_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """Write a dataset's funnel, histograms of scores and clouds of entity words (PNG, SVG), and contact sheets (HTML).

    Example: python -m pipelines plots --dataset out/dataset --output out/plots

    Attributes:
        dataset: what `curate` or `select` wrote, a directory of this machine.
        output: folder for the pictures; pictures of the same names in it are replaced.
        limit: clips on each contact sheet.
    """

    dataset: Path
    output: Path = field(metadata=WRITES_FOLDER)
    limit: int = 16

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"limit is {self.limit}, expected at least 1")


def main(arguments: Sequence[str]) -> int:
    """Write them, and say which."""
    command = parse(Plots, arguments, verb="plots")
    console = terminal()
    for path in write_plots(command):
        console.print(str(path), soft_wrap=True)
    return 0


def write_plots(command: Plots) -> list[Path]:
    """Write all pictures; those that would be empty are left out.

    Raises:
        OSError: it is no dataset, or the folder cannot be written.
        ValueError: the dataset is damaged.
    """
    with TemporaryDirectory(prefix="openalchemist-") as scratch:
        opened = open_dataset(command.dataset, Path(scratch))
        counted = count_overview(opened)
    command.output.mkdir(parents=True, exist_ok=True)
    written = [*_charts(command.output, opened.manifest.funnel, counted), *_clouds(command.output, counted)]
    sheets = write_sheets(
        command.dataset, command.output, command.limit, opened.manifest, dataset_counts(command.dataset)
    )
    return [*written, sheets.kept, sheets.rejected]


def _charts(folder: Path, funnel: Sequence[FunnelRow], counted: Overview) -> Iterator[Path]:
    charts = {}
    if funnel:
        charts["funnel"] = funnel_chart(funnel)
    if counted.histograms:
        charts["scores"] = histograms_chart(counted.histograms)
    for name, chart in charts.items():
        for suffix in (".png", ".svg"):
            path = folder / f"{name}{suffix}"
            save_chart(chart, path)
            yield path


def _clouds(folder: Path, counted: Overview) -> Iterator[Path]:
    for kind, words in counted.words.items():
        if words:
            cloud = word_cloud(kind, words)
            picture, drawing = folder / f"words_{kind}.png", folder / f"words_{kind}.svg"
            cloud.to_file(picture)
            write_whole_text(drawing, cloud.to_svg())
            yield from (picture, drawing)
