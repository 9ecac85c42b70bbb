"""What the shard says of a clip beyond its row of the index: its record, at first without pixels and videos."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from dataset_schema import FailedClip, RejectedClip, Sample, from_rows, open_shard
from dataset_schema.index.index import IndexedShard
from dataset_schema.index.parts import Covered
from dataset_schema.rows import Row
from pipelines.browser.media import MediaError, MediaReader, stored_media
from pipelines.browser.opened import Opened
from pipelines.views.clip_view import Record

# Our choice: a row group without media has some megabytes, and the next clip often lies in the same.
_GROUPS_IN_MEMORY: Final = 6


class ClipReader:
    """Reads records; any thread may.

    Args:
        media: reads what is asked for of pictures and videos.
    """

    def __init__(self, media: MediaReader) -> None:
        self._media = media
        self._lock = threading.Lock()
        self._groups: OrderedDict[tuple[Covered, int], pa.Table] = OrderedDict()

    def record(self, opened: Opened, row: Row) -> Record:
        """The record of a row of the index; every payload is named, none has its bytes.

        Raises:
            MediaError: the shard is gone.
            ValueError: it is damaged.
        """
        shard, stored = self._stored(opened, row)
        (record,) = from_rows([_named(stored)], shard.kind)
        return _record(record)

    def whole_record(self, opened: Opened, row: Row, *, with_video: bool) -> Record:
        """The record with the bytes of its pictures, and of its video where that is asked for and in the shard.

        Raises:
            MediaError: the shard is gone, or does not say where its media stand.
            ValueError: it is damaged.
        """
        shard, stored = self._stored(opened, row)
        payloads = list(_payloads(stored))
        for number, payload in enumerate(payloads):
            is_video = number == 0 and row["outcome"] == "kept"
            if not is_video or (with_video and row["media_offsets"][0] is not None):
                payload["bytes"] = self._media.read(stored_media(opened, row, number))
        (record,) = from_rows([_named(stored)], shard.kind)
        return _record(record)

    def _stored(self, opened: Opened, row: Row) -> tuple[IndexedShard, dict[str, Any]]:
        shard = opened.shards.get(row["shard"])
        if shard is None:
            raise MediaError(f"the dataset has no shard {row['shard']}")
        try:
            group, number = self._group_of(shard, row["row"])
        except FileNotFoundError as error:
            raise MediaError(
                f"shard {row['shard']} is gone; put it back, or reload the page to see the dataset as it is now"
            ) from error
        (stored,) = group.slice(number, 1).to_pylist()
        if stored["clip_id"] != row["clip_id"]:
            raise MediaError(f"shard {row['shard']} is another one than when the index was made; make index anew")
        return shard, dict(stored)

    def _group_of(self, shard: IndexedShard, row: int) -> tuple[pa.Table, int]:
        """The row group of a row, without its media, and the number of the row in it."""
        with self._lock:
            for (covered, start), table in self._groups.items():
                if covered == shard.covered and start <= row < start + len(table):
                    self._groups.move_to_end((covered, start))
                    return table, row - start
        start, table = _read_group(shard, row)
        with self._lock:
            self._groups[shard.covered, start] = table
            while len(self._groups) > _GROUPS_IN_MEMORY:
                self._groups.popitem(last=False)
        return table, row - start


def _read_group(shard: IndexedShard, row: int) -> tuple[int, pa.Table]:
    start = 0
    with open_shard(shard.path, shard.kind) as file:
        columns = [file.schema.column(number).path for number in range(len(file.schema))]
        light = [name for name in columns if name.rpartition(".")[2] != "bytes"]
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if row < start + count:
                return start, file.read_row_group(group, columns=light, use_threads=False)
            start += count
    raise MediaError(f"shard {shard.covered.shard} has {start} rows, and none of number {row}; make index anew")


def _payloads(stored: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of a sample or a rejection, in the order of `media_places`."""
    if stored.get("video"):
        yield stored["video"]
    for entity in stored.get("entities") or ():
        for reference in entity.get("references") or ():
            yield reference["image"]
    if stored.get("background"):
        yield stored["background"]["image"]
    if stored.get("thumbnail"):
        yield stored["thumbnail"]


def _named(stored: dict[str, Any]) -> dict[str, Any]:
    """The row, in which every payload has at least an empty path: a record wants either bytes or a path."""
    for payload in _payloads(stored):
        payload["path"] = payload.get("path") or ""
    return stored


def _record(record: object) -> Record:
    if not isinstance(record, Sample | RejectedClip | FailedClip):
        raise TypeError(f"a shard gave a {type(record).__name__}, expected a row of one of the three tables")
    return record
