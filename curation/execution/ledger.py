"""What a dataset already holds. The finished shards are the ledger: there is no second bookkeeping to disagree with.

A source counts as done only when all its clips are in finished shards, whichever tables they are in.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from curation.funnel import Counts, dataset_counts
from dataset_schema import (
    TABLES,
    FailedClip,
    FailureKind,
    begin_replacement,
    clean_up_replacement,
    commit_replacement,
    open_shard,
    read_shard,
    run_of_shard,
    shard_name,
    shard_paths,
    write_shard,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What is in the finished shards.

    Attributes:
        done: ids of the sources that have nothing left to do.
        published: clip ids of the sources that have; those clips are not to be written again.
        next_run: a number that no shard's name carries yet.
    """

    done: frozenset[str]
    published: frozenset[str]
    counts: Counts
    next_run: int


def read_ledger(dataset: Path) -> Ledger:
    """Read the ids, and nothing else, of every finished shard."""
    done: set[str] = set()
    begun: dict[str, tuple[int, set[str]]] = {}
    for clip_id, source_id, num_clips in _identities(dataset):
        if num_clips == 1:
            done.add(source_id)
            continue
        expected, clip_ids = begun.get(source_id, (0, set()))
        clip_ids.add(clip_id)
        begun[source_id] = max(expected, num_clips), clip_ids
    done |= {source_id for source_id, (expected, clip_ids) in begun.items() if len(clip_ids) >= expected}
    return Ledger(
        done=frozenset(done),
        published=frozenset(
            clip_id for source_id, (_, clip_ids) in begun.items() if source_id not in done for clip_id in clip_ids
        ),
        counts=dataset_counts(dataset),
        next_run=next_run(dataset),
    )


def remove_unfinished(dataset: Path) -> None:
    """Remove what whoever was killed left half written, or half replaced."""
    for folder in (dataset, *(dataset / table.folder for table in TABLES.values())):
        for path in folder.glob(".*.tmp"):
            path.unlink()
    clean_up_replacement(dataset)


def drop_failures(dataset: Path, kinds: frozenset[FailureKind]) -> int:
    """Take the failures of some kinds out of the dataset, so that their sources run again; returns how many."""
    shards = [path for path in shard_paths(dataset, FailedClip) if kinds & _kinds(path)] if kinds else []
    if not shards:
        return 0
    run, dropped = next_run(dataset), 0
    begin_replacement(dataset, run=run, shards=shards)
    for number, path in enumerate(shards):
        failures = list(read_shard(path, FailedClip))
        staying = [failure for failure in failures if failure.kind not in kinds]
        dropped += len(failures) - len(staying)
        if staying:
            write_shard(path.with_name(shard_name(run=run, writer=0, number=number)), staying)
    commit_replacement(dataset)
    logger.info("%d failures of the kinds %s will be tried again", dropped, ", ".join(sorted(kinds)))
    return dropped


def _kinds(path: Path) -> set[str]:
    with open_shard(path, FailedClip) as file:
        return set(file.read(columns=["kind"])["kind"].to_pylist())


def _identities(dataset: Path) -> Iterator[tuple[str, str, int]]:
    """Clip id, source id and number of clips of that source, for every row of every table."""
    for kind in TABLES:
        for path in shard_paths(dataset, kind):
            with open_shard(path, kind) as file:
                rows: pa.Table = file.read(columns=["clip_id", "source.id", "source.num_clips"])
            columns = (rows["clip_id"], *(pc.struct_field(rows["source"], name) for name in ("id", "num_clips")))
            yield from zip(*(column.to_pylist() for column in columns), strict=True)


def next_run(dataset: Path) -> int:
    """A number that no shard's name carries yet."""
    names = [path.name for kind in TABLES for path in shard_paths(dataset, kind)]
    return 1 + max((run for name in names if (run := run_of_shard(name)) is not None), default=0)
