"""Which clips there are in several datasets, and where each stands: asked by SQL, read from the shards alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from dataset_schema import TABLES, open_shard, shard_paths
from pipelines.housekeeping.database import scratch_database
from storage.address import Place

_COLUMNS: Final = ("clip_id", "source.id", "source.num_clips")
_SCHEMA: Final = pa.schema(
    {
        "dataset": pa.int32(),
        "folder": pa.string(),
        "shard": pa.int32(),
        "row": pa.int64(),
        "clip_id": pa.string(),
        "source_id": pa.string(),
        "num_clips": pa.int32(),
    }
)
_ROWS_AT_ONCE: Final = 65536


@contextmanager
def identities(datasets: Sequence[Place]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with one table, `clips`, of all rows of all tables; what memory cannot hold it puts on disk.

    `dataset` is the number of the dataset, `folder` that of a table (`samples`), `shard` the number of the file among
    `shard_paths`; then the row in it, and the ids.

    Raises:
        ValueError: a shard cannot be read.
    """
    with scratch_database() as database:
        rows = pa.RecordBatchReader.from_batches(_SCHEMA, _batches(datasets))
        database.register("rows", rows)
        database.execute("CREATE TABLE clips AS SELECT * FROM rows")
        database.unregister("rows")
        yield database


def _batches(datasets: Sequence[Place]) -> Iterator[pa.RecordBatch]:
    for number, dataset in enumerate(datasets):
        for kind, table in TABLES.items():
            for shard, path in enumerate(shard_paths(dataset, kind)):
                with open_shard(path, kind) as file:
                    first = 0
                    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(_COLUMNS)):
                        yield _batch(batch, (number, table.folder, shard), first)
                        first += batch.num_rows


def _batch(found: pa.RecordBatch, place: tuple[int, str, int], first: int) -> pa.RecordBatch:
    source = found["source"]
    columns = [
        *(pa.repeat(value, found.num_rows) for value in place),
        pa.array(range(first, first + found.num_rows)),
        found["clip_id"],
        *(pc.struct_field(source, name) for name in ("id", "num_clips")),
    ]
    return pa.record_batch(
        [column.cast(field.type) for column, field in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
    )
