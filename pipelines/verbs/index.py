"""`index`: one row for every clip of a dataset, in files that DuckDB and pandas query at once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.execution.lock import locked_for_run
from dataset_schema import read_manifest, refresh_index
from pipelines.config import parse
from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeIndex:
    """Write the index of a dataset: one row for every clip, with everything but pictures and videos.

    Runs write it at their end. This is for datasets of before, and for one in which shards were deleted or copied.
    Example: python -m pipelines index --dataset out/dataset

    Attributes:
        dataset: what `curate` or `select` wrote, or its address.
    """

    dataset: Place


def main(arguments: Sequence[str]) -> int:
    """Index, and say what is in it."""
    dataset = parse(MakeIndex, arguments, verb="index").dataset
    read_manifest(dataset)  # nothing is made where there is no dataset
    start = time.monotonic()
    with locked_for_run(dataset):
        index = refresh_index(dataset)
    seconds = time.monotonic() - start
    size_bytes = sum(path.stat().st_size for path in index.paths)
    print(
        f"index: {dataset}   rows {index.num_rows} = "
        + " + ".join(f"{outcome} {count}" for outcome, count in index.counts.items())
        + f"   parts {len(index.paths)}   {size_bytes / 1e6:.1f} MB   {seconds:.1f} s"
    )
    if isinstance(dataset, Path):  # of a store DuckDB wants an extension and a secret
        parts = f"'{dataset}/index/*.parquet'"
        print(f'query it: duckdb -c "SELECT outcome, count(*) FROM {parts} GROUP BY ALL"')
    return 0
