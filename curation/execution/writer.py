"""Clips come in one by one and leave as shards of three tables, each written whole or not at all."""

import logging
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from curation.execution.lock import expect_held_for, held_by_writer
from curation.execution.outcomes import Outcome
from curation.funnel import Counts
from dataset_schema import TABLES, FailedClip, Payload, RejectedClip, Sample, shard_name, write_shard
from storage.address import Place
from storage.holder import Holder

logger = logging.getLogger(__name__)

# A row without its pictures and videos: text, numbers and Python's own weight.
ROW_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardLimits:
    """When a shard is closed; a killed run does the open ones again.

    Attributes:
        target_bytes: Our choice: 256 MB, large enough that a million clips are some thousand files, small enough to
            hold in memory while it fills.
        max_rows: Our choice: rejections and failures are small; this many still read in a moment.
        max_open_s: Our choice: five minutes, the most work of one writer that a kill can cost.
    """

    target_bytes: int = 256 << 20
    max_rows: int = 10_000
    max_open_s: float = 300.0

    def __post_init__(self) -> None:
        if self.target_bytes < 1 or self.max_rows < 1 or self.max_open_s <= 0:
            raise ValueError(f"shard limits are {self}, expected positive numbers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the writers of one run write.

    Attributes:
        run: number of this run of the dataset, part of the names of its shards.
        holder: who holds the dataset for the run; None where it is held otherwise.
        published: clips that are in finished shards already, and are passed over.
    """

    dataset: Place
    run: int
    published: Set[str]
    limits: ShardLimits
    holder: Holder | None = None


class ShardWriter:
    """Collects clips and publishes them shard by shard.

    Not for use by several threads. What is still open is published by `close`; after a kill it is as if it had never
    come in.
    """

    def __init__(self, destination: Destination, *, writer: int = 0) -> None:
        self._destination = destination
        self._writer = writer
        self._open = {kind: _OpenShard() for kind in TABLES}
        self._next_number = dict.fromkeys(TABLES, 0)
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """What came in, published or not."""
        return self._counts

    def add(self, outcome: Outcome) -> None:
        """Take one clip in, and publish its table's open shard when that is full."""
        if outcome.clip_id in self._destination.published:
            return
        self._counts += _count(outcome)
        shard = self._open[type(outcome)]
        shard.add(outcome)
        if shard.is_full(self._destination.limits):
            self._publish(type(outcome))

    def close(self) -> None:
        """Publish what is still open."""
        for kind, shard in self._open.items():
            if shard.rows:
                self._publish(kind)

    def _publish(self, kind: type[Outcome]) -> None:
        name = shard_name(run=self._destination.run, writer=self._writer, number=self._next_number[kind])
        path = self._destination.dataset / TABLES[kind].folder / name
        rows = self._open[kind].rows
        if self._destination.holder is not None:
            expect_held_for(self._destination.dataset, self._destination.holder)
        write_shard(path, rows)
        logger.info("published %s with %d rows", path, len(rows))
        self._next_number[kind] += 1
        self._open[kind] = _OpenShard()


class _OpenShard:
    """The rows of the next shard."""

    def __init__(self) -> None:
        self.rows: list[Outcome] = []
        self._size_bytes = 0
        self._opened_s = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        if not self.rows:
            self._opened_s = time.monotonic()
        self.rows.append(outcome)
        self._size_bytes += _size_bytes(outcome)

    def is_full(self, limits: ShardLimits) -> bool:
        return (
            self._size_bytes >= limits.target_bytes
            or len(self.rows) >= limits.max_rows
            or time.monotonic() - self._opened_s >= limits.max_open_s
        )


@contextmanager
def open_writer(destination: Destination, *, writer: int = 0) -> Iterator[ShardWriter]:
    """A writer whose open shards are published at the end, also of a run that an error or a person stops."""
    with held_by_writer(destination.dataset):
        shards = ShardWriter(destination, writer=writer)
        try:
            yield shards
        finally:
            shards.close()


def _count(outcome: Outcome) -> Counts:
    match outcome:
        case Sample():
            return Counts(kept=1)
        case RejectedClip():
            return Counts(rejected=1)
        case FailedClip():
            return Counts(failed=1)


def _size_bytes(outcome: Outcome) -> int:
    payloads: list[Payload | None] = []
    if isinstance(outcome, Sample):
        images = [reference.image for entity in outcome.entities for reference in entity.references]
        payloads = [outcome.video, *images, outcome.background.image if outcome.background else None]
    elif isinstance(outcome, RejectedClip):
        payloads = [outcome.thumbnail]
    return ROW_BYTES + sum(len(payload.bytes) for payload in payloads if payload and payload.bytes)
