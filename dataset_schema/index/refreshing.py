"""What a writer of a dataset does at its end: the index on disk becomes the one of its shards."""

from pathlib import Path
from typing import Final

from dataset_schema.index.columns import INDEX_SCHEMA
from dataset_schema.index.index import Index, IndexedShard, open_index
from dataset_schema.index.parts import part_paths, write_part
from dataset_schema.manifest import dataset_id

# Our choice: every run adds one part; so many are still read as fast as one.
_MOST_PARTS: Final = 4


def refresh_index(dataset: Path) -> Index:
    """Write the rows that no part holds as a new part, and all as one where parts are many or have rows too many.

    For whoever holds the dataset's lock: one process at a time.

    Raises:
        FileNotFoundError: `dataset` is no dataset directory.
        ValueError: a shard cannot be read.
    """
    identity = dataset_id(dataset)
    if identity is None:
        raise FileNotFoundError(f"{dataset} has no dataset.json; expected what `curate` or `select` wrote")
    index = open_index(dataset)
    lacking = [span.source for span in index.spans if isinstance(span.source, IndexedShard)]
    staying = index.paths
    if len(staying) < len(index.parts) or len(staying) + bool(lacking) > _MOST_PARTS:
        staying, lacking = [], list(index.shards)
        rows = index.batches(INDEX_SCHEMA.names)
    else:
        rows = (table for shard in lacking for table in shard.derive())
    before = part_paths(dataset)
    if lacking:
        write_part(dataset, identity, [shard.covered for shard in lacking], rows)
    for path in before:
        if path not in staying:
            path.unlink(missing_ok=True)
    return open_index(dataset)
