"""What a dataset already holds. The finished shards are the ledger: there is no second bookkeeping to disagree with.

A source counts as done only when all its clips are in finished shards, whichever tables they are in.
"""

import logging
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curation.execution.id_set import IdSet
from curation.funnel import Counts, index_counts
from dataset_schema import (
    INDEX_FOLDER,
    TABLES,
    FailedClip,
    FailureKind,
    begin_replacement,
    clean_up_replacement,
    commit_replacement,
    open_index,
    open_shard,
    read_shard,
    run_of_shard,
    shard_name,
    shard_paths,
    write_shard,
)
from storage.address import Address, Place

logger = logging.getLogger(__name__)


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


def read_ledger(dataset: Place) -> Ledger:
    """Read the ids, and nothing else, of every clip in a finished shard."""
    index = open_index(dataset)
    clips = index.table(["clip_id", "source_id", "num_clips"])
    is_whole = pc.equal(clips["num_clips"], 1)
    whole = clips["source_id"].filter(is_whole)
    parts = clips.filter(pc.invert(is_whole))
    sources = parts.group_by("source_id").aggregate([("clip_id", "count_distinct"), ("num_clips", "max")])
    is_complete = pc.greater_equal(sources["clip_id_count_distinct"], sources["num_clips_max"])
    done = IdSet(pa.chunked_array([*whole.chunks, *sources.filter(is_complete)["source_id"].chunks], pa.string()))
    begun = parts.filter(pc.is_in(parts["source_id"], sources.filter(pc.invert(is_complete))["source_id"]))
    # Few are begun: each is looked up, because Arrow would hash all the others to look them up.
    is_begun = pa.array([source not in done for source in begun["source_id"].to_pylist()], pa.bool_())
    return Ledger(
        done=done,
        published=IdSet(begun.filter(is_begun)["clip_id"]),
        counts=index_counts(index),
        next_run=next_run(dataset),
    )


def remove_unfinished(dataset: Place) -> None:
    """Remove what whoever was killed left half written, or half replaced; in a store nothing is half written."""
    if not isinstance(dataset, Address):
        for folder in (dataset, dataset / INDEX_FOLDER, *(dataset / table.folder for table in TABLES.values())):
            for path in folder.glob(".*.tmp"):
                path.unlink()
    clean_up_replacement(dataset)


def drop_failures(dataset: Place, kinds: frozenset[FailureKind]) -> int:
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


def _kinds(path: Place) -> set[str]:
    with open_shard(path, FailedClip) as file:
        return set(file.read(columns=["kind"])["kind"].to_pylist())


def next_run(dataset: Place) -> int:
    """A number that no shard's name carries yet."""
    names = [path.name for kind in TABLES for path in shard_paths(dataset, kind)]
    return 1 + max((run for name in names if (run := run_of_shard(name)) is not None), default=0)
