"""What a dataset already holds. The finished shards are the ledger: there is no second bookkeeping to disagree with.

A source counts as done only when all its clips are in finished shards, whichever tables they are in.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.funnel import Counts, dataset_counts
from dataset_schema import TABLES, FailedClip, FailureKind, open_shard, read_shard, shard_paths, write_shard
from storage.address import Address, Place

logger = logging.getLogger(__name__)

_SHARD_NAME: Final = re.compile(r"part-(\d+)-\d+-\d+\.parquet")


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


def shard_name(*, run: int, writer: int, number: int) -> str:
    """The file name of a shard: unique over the tables, the writers and the restarts of a run."""
    return f"part-{run:04d}-{writer:03d}-{number:05d}.parquet"


def read_ledger(dataset: Place) -> Ledger:
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
        next_run=_next_run(dataset),
    )


def remove_unfinished(dataset: Place) -> None:
    """Remove what a killed run left half written; in a store nothing ever is."""
    if isinstance(dataset, Address):
        return
    for folder in (dataset, *(dataset / table.folder for table in TABLES.values())):
        for path in folder.glob(".*.tmp"):
            path.unlink()


def drop_failures(dataset: Place, kinds: frozenset[FailureKind]) -> int:
    """Take the failures of some kinds out of their shards, so that their sources run again; returns how many."""
    dropped = 0
    for path in shard_paths(dataset, FailedClip) if kinds else ():
        failures = list(read_shard(path, FailedClip))
        staying = [failure for failure in failures if failure.kind not in kinds]
        if len(staying) == len(failures):
            continue
        if staying:
            write_shard(path, staying)
        else:
            path.unlink()
        dropped += len(failures) - len(staying)
    if dropped:
        logger.info("%d failures of the kinds %s will be tried again", dropped, ", ".join(sorted(kinds)))
    return dropped


def _identities(dataset: Place) -> Iterator[tuple[str, str, int]]:
    """Clip id, source id and number of clips of that source, for every row of every table."""
    for kind in TABLES:
        for path in shard_paths(dataset, kind):
            with open_shard(path, kind) as file:
                rows: pa.Table = file.read(columns=["clip_id", "source.id", "source.num_clips"])
            columns = (rows["clip_id"], *(pc.struct_field(rows["source"], name) for name in ("id", "num_clips")))
            yield from zip(*(column.to_pylist() for column in columns), strict=True)


def _next_run(dataset: Place) -> int:
    names = [path.name for kind in TABLES for path in shard_paths(dataset, kind)]
    return 1 + max((int(found[1]) for name in names if (found := _SHARD_NAME.fullmatch(name))), default=0)
