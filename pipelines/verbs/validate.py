"""`validate`: whether everything in a dataset is as it should be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.table import Table

from curation.execution.this_machine import this_machine
from pipelines.config import parse
from pipelines.housekeeping.validation.findings import Finding, Report
from pipelines.housekeeping.validation.media import Videos
from pipelines.housekeeping.validation.validate import validate
from pipelines.known_errors import ANSWERED_NO
from pipelines.progress import progress
from pipelines.terminal import terminal
from storage.address import Place

_MOST_SHOWN: Final = 100


def _cores() -> int:
    return int(this_machine().cpus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate:
    """Look at everything in a dataset: bytes, rows, pictures, videos, counts, index, files. Nothing is changed.

    The exit status is 0 if all is right, 3 if anything is wrong. Example:
    python -m pipelines validate --dataset out/dataset

    Attributes:
        dataset: what `curate`, `select`, `merge` or `compact` wrote, or its address.
        videos: how many frames of each video are decoded. `all` is the default: only so is a video known to be sound
            that no checksum covers, or that lies elsewhere. `first` takes some hundredths of the time.
        workers: processes that look at shards.
    """

    dataset: Place
    videos: Videos = Videos.ALL
    workers: int = field(default_factory=_cores)

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}, expected at least 1")


def main(arguments: Sequence[str]) -> int:
    """Validate, and show what is wrong."""
    command = parse(Validate, arguments, verb="validate")
    with progress("validate", total=None, unit="shard") as on_shard:
        report = validate(command.dataset, videos=command.videos, workers=command.workers, on_shard=on_shard)
    console = terminal()
    if report.findings:
        console.print(render_findings(report.findings[:_MOST_SHOWN]))
    console.print(_summary(report), soft_wrap=True)
    return ANSWERED_NO if report.findings else 0


def render_findings(findings: Sequence[Finding]) -> Table:
    """One line for each: where, what was found there and expected, what to do."""
    table = Table(title="what is wrong", title_justify="left")
    for name in ("check", "where", "row", "clip", "found", "expected", "what to do"):
        table.add_column(name, overflow="fold")
    for each in findings:
        row = "" if each.row is None else str(each.row)
        table.add_row(each.check, each.where, row, each.clip_id or "", each.found, each.expected, each.remedy)
    return table


def _summary(report: Report) -> str:
    looked_at = ", ".join(f"{count} {name}" for name, count in sorted(report.looked_at.items())) or "no shards"
    if not report.findings:
        return f"looked at {looked_at}: all is right"
    kinds = Counter(finding.check.value for finding in report.findings)
    more = len(report.findings) - _MOST_SHOWN
    wrong = ", ".join(f"{name} {count}" for name, count in kinds.most_common())
    return f"looked at {looked_at}: wrong are {wrong}" + (f"; {more} are not shown" if more > 0 else "")
