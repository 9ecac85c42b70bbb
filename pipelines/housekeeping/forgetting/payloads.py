"""The media in a dataset's rows, told by how long they are and by what they hash to.

Equal bytes have equal lengths, and the index knows all lengths: so of all media only those are read and hashed whose
length is that of something looked for. Shards of before schema 3.2 do not say where media stand, and are read whole.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from curation.execution.outcomes import Outcome
from dataset_schema import TABLES, FailedClip, Payload, RejectedClip, Sample, open_index, read_shard
from storage.address import Place
from storage.local_copy import local_copy

_COLUMNS: Final = ("shard", "row", "media_offsets", "media_lengths")
_KINDS: Final[Mapping[str, Any]] = {table.folder: kind for kind, table in TABLES.items()}


class At(NamedTuple):
    """A payload: its shard below the dataset, its row there, and its number among the payloads of the row."""

    shard: str
    row: int
    number: int


class Content(NamedTuple):
    """What a payload holds."""

    sha256: str
    size_bytes: int


class Payloads:
    """The media of a dataset's finished shards.

    Args:
        dataset: as it is now.
    """

    def __init__(self, dataset: Place) -> None:
        self._dataset = dataset
        self._rows = open_index(dataset).table(_COLUMNS).combine_chunks()

    def of_rows(self, rows: Mapping[str, Collection[int]]) -> dict[At, Content]:
        """All media of some rows, by shard."""
        wanted = pa.array(
            [row in rows.get(shard, ()) for shard, row in zip(*self._lists("shard", "row"), strict=True)], pa.bool_()
        )
        return dict(self._read(self._rows.filter(wanted), sizes=None))

    def of_sizes(self, sizes: Collection[int]) -> Iterator[tuple[At, Content]]:
        """All media that have one of these lengths; those of rows that do not say how long theirs are, too."""
        lengths = self._rows["media_lengths"]
        is_of_size = pc.is_in(pc.list_flatten(lengths), pa.array(sorted(sizes), pa.int64()))
        rows = pc.unique(pc.list_parent_indices(lengths).filter(is_of_size)).cast(pa.int64())
        numbers = pa.array(range(self._rows.num_rows), pa.int64())
        wanted = pc.or_(pc.is_in(numbers, rows), self._rows["media_lengths"].is_null())
        yield from self._read(self._rows.filter(wanted), sizes=frozenset(sizes))

    def _lists(self, *names: str) -> list[list[Any]]:
        return [self._rows[name].to_pylist() for name in names]

    def _read(self, rows: pa.Table, *, sizes: frozenset[int] | None) -> Iterator[tuple[At, Content]]:
        by_shard: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows.to_pylist():
            by_shard[row["shard"]].append(row)
        for shard, some in by_shard.items():
            kind = _KINDS[shard.partition("/")[0]]
            if kind is FailedClip:
                continue
            placed = [row for row in some if row["media_offsets"] is not None]
            if placed:
                yield from self._placed(shard, placed, sizes)
            if len(placed) < len(some):
                others = frozenset(row["row"] for row in some if row["media_offsets"] is None)
                yield from self._unplaced(shard, kind, others, sizes)

    def _placed(
        self, shard: str, rows: list[dict[str, Any]], sizes: frozenset[int] | None
    ) -> Iterator[tuple[At, Content]]:
        with local_copy(self._dataset / shard) as copy, copy.open("rb") as file:
            for row in rows:
                for number, (offset, size) in enumerate(zip(row["media_offsets"], row["media_lengths"], strict=True)):
                    if offset is not None and (sizes is None or size in sizes):
                        file.seek(offset)
                        yield At(shard, row["row"], number), content_of(file.read(size))

    def _unplaced(
        self, shard: str, kind: Any, rows: frozenset[int], sizes: frozenset[int] | None
    ) -> Iterator[tuple[At, Content]]:
        for row, record in enumerate(read_shard(self._dataset / shard, kind, whole=True)):
            for number, payload in enumerate(media_of(record) if row in rows else ()):
                if payload.bytes is not None and (sizes is None or len(payload.bytes) in sizes):
                    yield At(shard, row, number), content_of(payload.bytes)


def content_of(content: bytes) -> Content:
    """Of a payload's bytes."""
    return Content(sha256(content).hexdigest(), len(content))


def media_of(record: Outcome) -> list[Payload]:
    """The payloads of a row, in the order in which the index numbers them."""
    match record:
        case Sample():
            pictures = [reference.image for entity in record.entities for reference in entity.references]
            return [record.video, *pictures, *([record.background.image] if record.background else [])]
        case RejectedClip():
            return [record.thumbnail] if record.thumbnail else []
        case FailedClip():
            return []
