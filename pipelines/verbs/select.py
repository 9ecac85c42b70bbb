"""`select`: an SQL condition in, part of a dataset out."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.config import parse
from pipelines.selection import select
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Write the clips of a dataset that fulfil a condition as a dataset of its own.

    The others become its rejections, so that the funnel still counts every clip. Example:
    python -m pipelines select --dataset out/dataset --where "scores.desirable >= 0.4" --output out/desirable

    Attributes:
        dataset: what `curate` or `select` wrote; or a selection by another tool, a Parquet file or a folder of them. A
            directory, or its address.
        output: the new directory, or its address.
        where: SQL on the columns of a sample, as DuckDB reads it; `samples` is the whole table. Without a condition all
            are kept, which makes a dataset of another tool's file.
    """

    dataset: Place
    output: Place = field(metadata=WRITES_FOLDER)
    where: str = "true"


def main(arguments: Sequence[str]) -> int:
    """Select, and say what became of the clips."""
    command = parse(Select, arguments, verb="select")
    counts = select(command.dataset, command.where, command.output)
    print(
        f"dataset: {command.output}   read {counts.read} = kept {counts.kept} + rejected {counts.rejected} "
        f"+ failed {counts.failed}"
    )
    print(f"use it: make train DATASET={shlex.quote(str(command.output))} OUTPUT=...")
    return 0
