"""Clips that several datasets have: whether they are the same there, and which rows are left out of a merge."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple, TypeAlias

import duckdb

from curation.execution.outcomes import Outcome
from dataset_schema import TABLES, read_shard, shard_paths
from dataset_schema.rows import to_row
from pipelines.housekeeping.identities import identities
from pipelines.whole_dataset import with_whole_paths
from storage.address import Place


class NumberedShard(NamedTuple):
    """One shard of one of the datasets, by the numbers that `identities` gives."""

    dataset: int
    folder: str
    shard: int


LeftOut: TypeAlias = Mapping[NumberedShard, frozenset[int]]  # rows of shards

_EXAMPLES: Final = 3

# A source belongs to the first dataset that has it.
_NOT_OF_THE_FIRST: Final = """
    SELECT dataset, folder, shard, row FROM clips JOIN (
        SELECT source_id, min(dataset) AS first FROM clips GROUP BY source_id HAVING count(DISTINCT dataset) > 1
    ) USING (source_id) WHERE dataset > first
"""
_SHARED: Final = """
    SELECT dataset, folder, shard, row, clip_id FROM clips
    WHERE clip_id IN (SELECT clip_id FROM clips GROUP BY clip_id HAVING count(*) > 1)
    ORDER BY ALL
"""
# The clips of one source do not fit together: another number of them, or more than there are.
_SPLIT_OTHERWISE: Final = """
    SELECT source_id, list(DISTINCT dataset ORDER BY dataset) FROM clips GROUP BY source_id
    HAVING count(DISTINCT dataset) > 1
        AND (count(DISTINCT num_clips) > 1 OR count(DISTINCT clip_id) > max(num_clips))
    ORDER BY ALL
"""


def rows_to_leave_out(datasets: Sequence[Place], *, first_wins: bool) -> LeftOut:
    """The rows that an earlier dataset has already.

    Args:
        datasets: in the order in which they were named.
        first_wins: the first dataset that has a source gives all its clips, whatever the others say of it.

    Raises:
        ValueError: without `first_wins`: a clip is not the same in two datasets, or a source has other clips there.
    """
    with identities(datasets) as clips:
        if first_wins:
            return _by_shard(clips.execute(_NOT_OF_THE_FIRST))
        if split := clips.execute(_SPLIT_OTHERWISE).fetchall():
            raise ValueError(_told("sources", [(source, *among[:2]) for source, among in split], datasets))
        shared = _by_shard(clips.execute(_SHARED))
    return _equal_rows(datasets, shared)


def _by_shard(found: duckdb.DuckDBPyConnection) -> dict[NumberedShard, frozenset[int]]:
    rows: dict[NumberedShard, set[int]] = defaultdict(set)
    while some := found.fetchmany(10_000):
        for dataset, folder, shard, row, *_ in some:
            rows[NumberedShard(dataset, folder, shard)].add(row)
    return {shard: frozenset(numbers) for shard, numbers in rows.items()}


def _equal_rows(datasets: Sequence[Place], shared: LeftOut) -> LeftOut:
    """All of the shared rows but the first of each clip, which the others must equal."""
    first: dict[str, tuple[bytes, int]] = {}
    others: dict[NumberedShard, set[int]] = defaultdict(set)
    unlike: list[tuple[str, int, int]] = []
    for shard, row, clip_id, digest in _digests(datasets, shared):
        if clip_id not in first:
            first[clip_id] = digest, shard.dataset
        elif first[clip_id][0] == digest:
            others[shard].add(row)
        else:
            unlike.append((clip_id, first[clip_id][1], shard.dataset))
    if unlike:
        raise ValueError(_told("clips", unlike, datasets))
    return {shard: frozenset(rows) for shard, rows in others.items()}


def _digests(datasets: Sequence[Place], shared: LeftOut) -> Iterator[tuple[NumberedShard, int, str, bytes]]:
    for number, dataset in enumerate(datasets):
        for kind, table in TABLES.items():
            for shard, path in enumerate(shard_paths(dataset, kind)):
                numbered = NumberedShard(number, table.folder, shard)
                for row, record in enumerate(read_shard(path, kind, whole=True) if numbered in shared else ()):
                    if row in shared[numbered]:
                        yield numbered, row, record.clip_id, _digest(table.folder, with_whole_paths(record, dataset))


def _digest(folder: str, record: Outcome) -> bytes:
    """Of everything that a row holds, its media and its table."""
    digest = blake2b(folder.encode(), digest_size=16)
    for part in _parts(to_row(record)):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()


def _parts(value: Any) -> Iterator[bytes]:
    match value:
        case bytes():
            yield value
        case dict() | list():
            yield b"%s%d" % (type(value).__name__.encode(), len(value))
            for inner in value.values() if isinstance(value, dict) else value:
                yield from _parts(inner)
        case _:
            yield repr(value).encode()


def _told(what: str, unlike: Sequence[tuple[str, int, int]], datasets: Sequence[Place]) -> str:
    examples = ", ".join(f"{name} in {datasets[a]} and {datasets[b]}" for name, a, b in unlike[:_EXAMPLES])
    return (
        f"{len(unlike)} {what} are not the same in every dataset, such as {examples}; leave one of these datasets out, "
        "or let the first that is named win: --first-wins"
    )
