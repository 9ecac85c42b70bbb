"""`compact`: few shards of many."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.config import parse
from pipelines.housekeeping.compacting import compact
from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact:
    """Make few shards of many in a dataset, in its place; the rows stay as they are, and in their order.

    The shards are written in the newest layout, so this also brings a dataset of schema 2, or of an older 3, to the
    present version without curating again. The dataset is replaced as a whole or not at all; until then it takes its
    room on the disk twice. Example: python -m pipelines compact --dataset out/dataset

    Attributes:
        dataset: what `curate`, `select` or `merge` wrote, or its address; finished or not.
    """

    dataset: Place


def main(arguments: Sequence[str]) -> int:
    """Compact, and say what it did."""
    command = parse(Compact, arguments, verb="compact")
    done = compact(command.dataset)
    if done is None:
        print(f"{command.dataset}: every shard is full and of the newest layout; there is nothing to do")
    else:
        print(f"{command.dataset}: {done.before} shards became {done.after}, {done.rows} rows in the newest layout")
    return 0
