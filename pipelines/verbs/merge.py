"""`merge`: several datasets in, one out."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.config import Positional, parse
from pipelines.housekeeping.merging import merge
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Write the clips of several datasets as one dataset.

    What several datasets have alike is taken once. Where they differ about a clip, or in the configuration that they
    were curated with, the merge is refused, and nothing is written. With equal configurations, `curate` goes on with
    the new dataset as with any. Example: python -m pipelines merge out/monday out/tuesday --output out/both

    Attributes:
        datasets: what `curate`, `select` or `merge` wrote, finished; two or more, each a directory or an address.
        output: the new directory, or its address.
        first_wins: where datasets differ about a source, the first that is named gives all its clips.
        mix_configs: allow several configurations; `dataset.json` then keeps each, and `curate` refuses to go on.
    """

    datasets: Positional[tuple[Place, ...]]
    output: Place = field(metadata=WRITES_FOLDER)
    first_wins: bool = False
    mix_configs: bool = False


def main(arguments: Sequence[str]) -> int:
    """Merge, and say what there is."""
    command = parse(Merge, arguments, verb="merge")
    counts = merge(command.datasets, command.output, first_wins=command.first_wins, mix_configs=command.mix_configs)
    print(
        f"dataset: {command.output}   read {counts.read} = kept {counts.kept} + rejected {counts.rejected} "
        f"+ failed {counts.failed}"
    )
    print(f"use it: make train DATASET={shlex.quote(str(command.output))} OUTPUT=...")
    return 0
