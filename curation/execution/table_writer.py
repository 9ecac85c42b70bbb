"""Rows of finished shards leave as other shards: carried over as Arrow, because of what stays nothing need be known."""

import logging
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curation.execution.lock import expect_held_for
from curation.execution.writer import ROW_BYTES, Destination
from dataset_schema import TABLES, Kind, shard_name, write_shard_of_tables
from dataset_schema.layout import media_bytes

logger = logging.getLogger(__name__)


class TableWriter:
    """Collects rows, and publishes them as shards that are full where those of a `ShardWriter` are.

    Time closes none: who replaces or merges datasets begins anew after a kill. Not for use by several threads.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._open = {kind: _OpenShard() for kind in TABLES}
        self._next_number = dict.fromkeys(TABLES, 0)
        self.num_rows = 0

    def add(self, kind: Kind, rows: pa.Table) -> None:
        """Take rows in, with the present schema of their table, and publish its open shard whenever that is full."""
        self.num_rows += rows.num_rows
        limits = self._destination.limits
        sizes = np.array(media_bytes(rows), np.int64) + ROW_BYTES
        while rows.num_rows:
            shard = self._open[kind]
            until_full = int(np.searchsorted(np.cumsum(sizes), limits.target_bytes - shard.size_bytes)) + 1
            taken = min(until_full, limits.max_rows - shard.num_rows, rows.num_rows)
            shard.add(rows.slice(0, taken), size_bytes=int(sizes[:taken].sum()))
            rows, sizes = rows.slice(taken), sizes[taken:]
            if shard.size_bytes >= limits.target_bytes or shard.num_rows >= limits.max_rows:
                self._publish(kind)

    def close(self) -> None:
        """Publish what is still open."""
        for kind, shard in self._open.items():
            if shard.num_rows:
                self._publish(kind)

    def _publish(self, kind: Kind) -> None:
        destination, shard = self._destination, self._open[kind]
        name = shard_name(run=destination.run, writer=0, number=self._next_number[kind])
        path = destination.dataset / TABLES[kind].folder / name
        if destination.holder is not None:
            expect_held_for(destination.dataset, destination.holder)
        write_shard_of_tables(path, kind, shard.tables)
        logger.info("published %s with %d rows", path, shard.num_rows)
        self._next_number[kind] += 1
        self._open[kind] = _OpenShard()


@dataclass
class _OpenShard:
    """The rows of the next shard."""

    tables: list[pa.Table] = field(default_factory=list)
    num_rows: int = 0
    size_bytes: int = 0

    def add(self, rows: pa.Table, *, size_bytes: int) -> None:
        self.tables.append(rows)
        self.num_rows += rows.num_rows
        self.size_bytes += size_bytes
