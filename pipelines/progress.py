"""Progress bars with rate and ETA on a terminal, a line now and then elsewhere; the only place that draws them."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipelines.terminal import terminal

# Our choice: often enough to see that a job is alive, seldom enough to keep its log readable.
_SECONDS_BETWEEN_LINES: Final = 15.0


class Report(Protocol):
    """Tells how far the work is: `report(done)` or `report(done, "what else to say")`."""

    def __call__(self, done: int, note: str = "", *, by_earlier_runs: bool = False) -> None:
        """Say how many units are done in all; those that earlier runs did say nothing of how fast this one is."""
        ...


@contextmanager
def progress(title: str, *, total: int | None, unit: str) -> Iterator[Report]:
    """A bar over `total` units of work, None if nobody knows them yet, as a function that is told how many are done."""
    if sys.stderr.isatty():
        with _bar(unit) as bar:
            task = bar.add_task(title, total=total, note="", earlier=0)

            def report(done: int, note: str = "", *, by_earlier_runs: bool = False) -> None:
                bar.update(task, completed=done, note=note)
                if by_earlier_runs:
                    bar.update(task, earlier=done)

            yield report
    else:
        yield _Lines(title, total, unit)


class _Rate(ProgressColumn):
    """Units per second since the start."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        rate = (task.completed - task.fields["earlier"]) / task.elapsed if task.elapsed else 0.0
        return Text(f"{rate:.2f} {self._unit}/s", style="progress.data.speed")


def _bar(unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=terminal(to_stderr=True),
    )


class _Lines:
    """The same for a log file."""

    def __init__(self, title: str, total: int | None, unit: str) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._start = self._last = time.monotonic()
        self._earlier = 0

    def __call__(self, done: int, note: str = "", *, by_earlier_runs: bool = False) -> None:
        now = time.monotonic()
        if by_earlier_runs:
            self._earlier = done
        if done != self._total and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = (done - self._earlier) / max(now - self._start, 1e-9)
        left = f", ETA {(self._total - done) / rate:.0f} s" if self._total and rate and done < self._total else ""
        of_all = "" if self._total is None else f"/{self._total}"
        sentence = f"{self._title}: {done}{of_all} {self._unit}s, {rate:.2f} {self._unit}/s{left}"
        print(f"{sentence}  {note}".rstrip(), file=sys.stderr, flush=True)
