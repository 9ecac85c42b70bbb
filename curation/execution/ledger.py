"""What a dataset already holds. The finished shards are the ledger: there is no second bookkeeping to disagree with.

A source counts as done only when all its clips are in finished shards, whichever tables they are in.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.execution.id_set import IdSet
from curation.funnel import Counts
from dataset_schema import (
    INDEX_FOLDER,
    TABLES,
    FailedClip,
    FailureKind,
    open_index,
    read_shard,
    shard_paths,
    write_shard,
)

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

    done: IdSet
    published: IdSet
    counts: Counts
    next_run: int


def shard_name(*, run: int, writer: int, number: int) -> str:
    """The file name of a shard: unique over the tables, the writers and the restarts of a run."""
    return f"part-{run:04d}-{writer:03d}-{number:05d}.parquet"


def read_ledger(dataset: Path) -> Ledger:
    """Read the ids, and nothing else, of every clip in a finished shard."""
    index = open_index(dataset)
    clips = index.table(["clip_id", "source_id", "num_clips"])
    is_whole = pc.equal(clips["num_clips"], 1)
    whole = clips.filter(is_whole)["source_id"]
    parts = clips.filter(pc.invert(is_whole))
    sources = parts.group_by("source_id").aggregate([("clip_id", "count_distinct"), ("num_clips", "max")])
    is_complete = pc.greater_equal(sources["clip_id_count_distinct"], sources["num_clips_max"])
    done = pa.chunked_array([*whole.chunks, *sources.filter(is_complete)["source_id"].chunks], pa.string())
    begun = sources.filter(pc.invert(is_complete))["source_id"]
    is_begun = pc.and_not(pc.is_in(parts["source_id"], begun), pc.is_in(parts["source_id"], whole))
    return Ledger(
        done=IdSet(done),
        published=IdSet(parts.filter(is_begun)["clip_id"]),
        counts=Counts(**index.counts),
        next_run=1 + max((_run(shard.path) for shard in index.shards), default=0),
    )


def remove_unfinished(dataset: Path) -> None:
    """Remove what a killed run left half written."""
    for folder in (dataset, dataset / INDEX_FOLDER, *(dataset / table.folder for table in TABLES.values())):
        for path in folder.glob(".*.tmp"):
            path.unlink()


def drop_failures(dataset: Path, kinds: frozenset[FailureKind]) -> int:
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


def _run(shard: Path) -> int:
    """The number of the run that wrote a shard; 0 where its name says none."""
    found = _SHARD_NAME.fullmatch(shard.name)
    return int(found[1]) if found else 0
