"""`diff`: two datasets in, what became of their clips out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from pipelines.config import Positional, parse
from pipelines.housekeeping.comparing import Difference, compare
from pipelines.known_errors import ANSWERED_NO
from pipelines.terminal import terminal
from storage.address import Place
from storage.places import expect_file_to_write
from storage.whole_files import write_whole_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Show in what two datasets of the same clips differ: which are kept, why not, what was measured, which words.

    The exit status is 0 if every clip is the same in both, 3 if not. Example:
    python -m pipelines diff out/before out/after

    Attributes:
        first: a dataset, or its address.
        second: another one.
        json: write all figures to this file, too.
    """

    first: Positional[Place]
    second: Positional[Place]
    json: Path | None = None


def main(arguments: Sequence[str]) -> int:
    """Compare, and show the difference."""
    command = parse(Diff, arguments, verb="diff")
    if command.json is not None:
        expect_file_to_write(command.json)
    found = compare(command.first, command.second)
    if command.json is not None:
        write_whole_text(command.json, json.dumps(asdict(found), indent=2, ensure_ascii=False) + "\n")
    console = terminal()
    first, second = found.clips
    console.print(
        f"{command.first}: {first} clips\n{command.second}: {second} clips\nin both: {found.shared}", soft_wrap=True
    )
    for table in render_difference(found):
        console.print(table)
    if found.settings:
        console.print("the runs had other settings:", *map(str, found.settings), sep="\n  ", soft_wrap=True)
    if found.is_none:
        console.print("every clip is the same in both")
    return 0 if found.is_none else ANSWERED_NO


def render_difference(found: Difference) -> Iterator[Table]:
    """A table of every kind of difference that there is."""
    if found.moved:
        table = _table("clips that ended otherwise", "first", "second", "clips", "such as")
        for moved in found.moved:
            table.add_row(moved.first or "not there", moved.second or "not there", str(moved.clips), moved.example)
        yield table
    if found.scores:
        table = _table(
            "scores", "score", "clips", "first alone", "second alone", "median change", "largest change", "such as"
        )
        for score in found.scores:
            counts = (score.clips, score.only_first, score.only_second)
            changes = ("-" if change is None else f"{change:.4g}" for change in (score.median, score.largest))
            table.add_row(score.name, *map(str, counts), *changes, score.example)
        yield table
    if found.facts:
        table = _table("clips that ended alike, with other facts", "fact", "clips", "such as")
        for fact in found.facts:
            table.add_row(fact.name, str(fact.clips), fact.example)
        yield table


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        is_number = name in ("clips", "first alone", "second alone", "median change", "largest change")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    return table
