"""One table of what this project costs, beside what others cost and what cannot be had for less.

    python -m benchmarks.table [--media DIR] [--rows shots cutting] [--rounds 3] [--write docs/performance.md]

A row is a job on an input. Its sides are ours, the peers and the floors, each a command of its own; they take turns, in
the opposite order every other round, so that whatever else the machine does strikes all alike. CPU-seconds, of all
processes, are medians, with the least and the greatest in brackets; memory is the highest sum over all processes, seen
five times a second. Read ratios: the machine may have other work. Peers come from `make setup-peers`; what is not there
or cannot run has its line, and says why.

Status 1: something of ours did not run. A goal that is missed is a figure, not an error.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.table.costs import CommandError, Cost, adopt_orphans, compile_modules, cost_of
from benchmarks.table.peers import versions
from benchmarks.table.rendering import Found, MeasuredRow, render, replace_table
from benchmarks.table.row import Inputs, Row, Rows, Side
from benchmarks.table.rows import curating, cutting, decoding, exporting, loading, networks, shots, splitting, training

# In the order of what they are worth to whoever pays for the machines.
ROWS: Final[Mapping[str, Rows]] = {
    "splitting": splitting.rows,
    "shots": shots.rows,
    "decoding": decoding.rows,
    "cutting": cutting.rows,
    "exporting": exporting.rows,
    "loading": loading.rows,
    "curating": curating.rows,
    "networks": networks.rows,
    "training": training.rows,
}
_RUNS: Final = itertools.count()


def main() -> int:
    """Measure, print, and write where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, help="a folder with shots/made, shots/natural and clips/manifest.csv")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--rounds", type=int, help="instead of each row's own")
    parser.add_argument("--scale", type=float, default=1.0, help="of the inputs; below 1 to see whether rows run")
    parser.add_argument("--write", type=Path, help="a document with a place for the table")
    arguments = parser.parse_args()
    if arguments.write is not None:
        replace_table(arguments.write.read_text(encoding="utf-8"), "")  # not after half an hour
    adopt_orphans()
    compile_modules()
    load, start_s = os.getloadavg()[0], time.monotonic()
    measured = [row for name in arguments.rows for row in _rows(name, arguments)]
    table = render(measured, load=load, versions=versions(), scale=arguments.scale)
    print(f"\n{table}\n\n{(time.monotonic() - start_s) / 60:.0f} minutes")
    if arguments.write is not None:
        document = arguments.write.read_text(encoding="utf-8")
        arguments.write.write_text(replace_table(document, table), encoding="utf-8")
    return 0 if all(row.ours.costs for row in measured) else 1


def _rows(name: str, arguments: argparse.Namespace) -> Iterator[MeasuredRow]:
    with TemporaryDirectory() as scratch:
        for row in ROWS[name](Inputs(scratch=Path(scratch), media=arguments.media, scale=arguments.scale)):
            yield measure(replace(row, rounds=arguments.rounds or row.rounds))


def measure(row: Row) -> MeasuredRow:
    """Run all sides in turns; one that fails is not run again."""
    print(f"{row.what}: {row.on}", file=sys.stderr, flush=True)
    sides = (row.ours, *row.others)
    costs: dict[str, list[Cost]] = {side.name: [] for side in sides}
    problems = {side.name: side.problem for side in sides}
    for number in range(row.rounds):
        for side in sides[:: 1 if number % 2 == 0 else -1]:
            if problems[side.name] is None:
                problems[side.name] = _run(side, costs[side.name])
    ours, *others = (
        Found(side=side, costs=() if problems[side.name] else tuple(costs[side.name]), problem=problems[side.name])
        for side in sides
    )
    return MeasuredRow(row=row, ours=ours, others=tuple(others))


def _run(side: Side, costs: list[Cost]) -> str | None:
    """Why it failed, if it did."""
    number = str(next(_RUNS))  # of no other row either: a dataset that is there is finished, not made again
    command = [word.replace("{run}", number) for word in side.command]
    try:
        cost = cost_of(command, side.environment, is_whole=side.is_whole)
    except CommandError as error:
        print(f"  {side.name}: {error}", file=sys.stderr, flush=True)
        return f"did not run: {error}"
    print(f"  {side.name}: {cost.cpu_s:.2f} CPU-s, {cost.wall_s:.2f} s, {cost.made}", file=sys.stderr, flush=True)
    costs.append(cost)
    return None


if __name__ == "__main__":
    sys.exit(main())
