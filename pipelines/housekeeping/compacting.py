"""Few shards of many, in the newest layout, in the place of the old ones: all at once or not at all."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import pyarrow.parquet as pq

from curation.execution.card import write_card
from curation.execution.ledger import next_run, remove_unfinished
from curation.execution.lock import expect_held_for, held_by_writer, locked_for_run
from curation.execution.outcomes import Outcome
from curation.execution.table_writer import TableWriter
from curation.execution.writer import Destination, ShardLimits
from dataset_schema import (
    SCHEMA_VERSION,
    TABLES,
    FailedClip,
    begin_replacement,
    commit_replacement,
    media_places,
    open_shard,
    read_manifest,
    read_tables,
    refresh_index,
    shard_name,
    shard_paths,
    shard_version,
    sized_shards,
)
from storage.address import Place

# Shards are closed by their size alone: nobody picks up a compaction.
_LIMITS: Final = ShardLimits(max_open_s=math.inf)

# Our choice: the writer counts a row as larger than it is on disk, so a shard that it closed may be a little smaller.
_FULL_SHARE: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What was done: so many shards became so many others, with so many rows."""

    before: int
    after: int
    rows: int


def compact(dataset: Place, *, limits: ShardLimits = _LIMITS) -> Compacted | None:
    """Write small and old shards again as full ones of the newest layout; every row stays, in its place in the order.

    Of each table all shards are taken from the first on that is small or old, because their names give the order. None
    where every shard is full, but the last of a table, and of the newest layout: then no shard is written.

    Args:
        dataset: what a command wrote, on a disk or in a store, finished or not.
        limits: when a shard is full.

    Raises:
        DatasetBusyError: a run is writing the dataset.
        FileNotFoundError: there is no dataset.
        ValueError: it is damaged.
    """
    read_manifest(dataset)  # before the lock, which makes a folder
    with locked_for_run(dataset) as holder:
        remove_unfinished(dataset)
        manifest = replace(read_manifest(dataset), schema_version=str(SCHEMA_VERSION))
        run = next_run(dataset)
        old = {kind: _to_write_again(dict(sized_shards(dataset, kind)), kind, run, limits) for kind in TABLES}
        shards = [path for paths in old.values() for path in paths]
        if not shards:
            refresh_index(dataset)  # whoever was killed before may not have come to that
            return None
        begin_replacement(dataset, run=run, shards=shards)
        destination = Destination(dataset=dataset, run=run, published=frozenset(), limits=limits, holder=holder)
        rows = sum(_write_again(paths, kind, destination) for kind, paths in old.items())
        kept = sum(len(shard_paths(dataset, kind)) for kind in TABLES) - len(shards)
        expect_held_for(dataset, holder)
        commit_replacement(dataset, manifest)
        after = sum(len(shard_paths(dataset, kind)) for kind in TABLES) - kept
        write_card(dataset, manifest)
        refresh_index(dataset)
        return Compacted(before=len(shards), after=after, rows=rows)


def _to_write_again(
    sizes: Mapping[Place, int], kind: type[Outcome], run: int, limits: ShardLimits
) -> tuple[Place, ...]:
    """The shards from the first on that is small or old; of all shards of a table the last may be small."""
    first_name = shard_name(run=run, writer=0, number=0)
    paths = tuple(sizes)
    for number, (path, size_bytes) in enumerate(sizes.items()):
        is_last = number == len(paths) - 1
        with open_shard(path, kind) as file:
            is_full = is_last or _is_full(size_bytes, file, limits)
            if path.name > first_name or not is_full or not _is_newest(file, kind):
                return paths[number:]
    return ()


def _is_newest(file: pq.ParquetFile, kind: type[Outcome]) -> bool:
    return shard_version(file) == SCHEMA_VERSION and (kind is FailedClip or media_places(file) is not None)


def _is_full(size_bytes: int, file: pq.ParquetFile, limits: ShardLimits) -> bool:
    return size_bytes >= _FULL_SHARE * limits.target_bytes or bool(file.metadata.num_rows >= limits.max_rows)


def _write_again(paths: Iterable[Place], kind: type[Outcome], destination: Destination) -> int:
    with held_by_writer(destination.dataset):
        writer = TableWriter(destination)
        for path in paths:
            for rows in read_tables(path, kind):
                writer.add(kind, rows)
        writer.close()
    return writer.num_rows
