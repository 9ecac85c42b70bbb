"""Where the entries of a cache lie, found by clip and content; arrays, because there are as many as clips."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Of the hash of a video or a caption.
CONTENT_CHARACTERS: Final = 32

# Bytes of one width; their type names the width.
Ascii: TypeAlias = npt.NDArray[Any]


class EntryKey(NamedTuple):
    """What an entry was made from: the clip, and a hash of its video or caption."""

    clip_id: str
    content: str


class EntryPlaces(NamedTuple):
    """The entries in the order of their clips' ids.

    Attributes:
        clip_ids, contents: ASCII, in the width of the longest; `clip_ids` ascend.
        places: of each entry its shard, its row group and its row there.
    """

    clip_ids: Ascii
    contents: Ascii
    places: npt.NDArray[np.int32]

    @classmethod
    def of(cls, groups: Iterable[tuple[pa.Table, int, int]]) -> "EntryPlaces":
        """Of the keys of row groups, each with its shard and its number in the shard."""
        schema = pa.schema([pa.field(name, pa.string()) for name in EntryKey._fields])
        keys, places = [schema.empty_table()], [np.zeros((0, 3), np.int32)]
        for table, shard, group in groups:
            keys.append(table.select(schema.names).cast(schema))
            rows = np.arange(len(table), dtype=np.int32)
            places.append(np.stack([np.full_like(rows, shard), np.full_like(rows, group), rows], axis=1))
        table = pa.concat_tables(keys)
        order = pc.sort_indices(table, sort_keys=[("clip_id", "ascending")]).to_numpy()
        ids, contents = (_ascii(table[name]) for name in EntryKey._fields)
        return cls(ids[order], contents[order], np.concatenate(places)[order])

    def find(self, key: EntryKey) -> tuple[int, int, int] | None:
        """Shard, row group and row of an entry; None where there is no such entry."""
        clip_id, content = key.clip_id.encode(), key.content.encode()
        start = int(np.searchsorted(self.clip_ids, np.bytes_(clip_id)))
        for place in range(start, len(self.clip_ids)):  # a clip has as many as it had videos or captions
            if bytes(self.clip_ids[place]) != clip_id:
                break
            if bytes(self.contents[place]) == content:
                shard, group, row = self.places[place].tolist()
                return shard, group, row
        return None

    def first_missing(self, clip_ids: pa.StringArray, entries: npt.NDArray[np.int64]) -> str | None:
        """The first of some clips that has fewer entries than these."""
        if not len(clip_ids):
            return None
        wanted = _ascii(clip_ids)
        found = np.searchsorted(self.clip_ids, wanted, side="right") - np.searchsorted(self.clip_ids, wanted)
        is_missing = found < entries
        return str(clip_ids[int(np.argmax(is_missing))].as_py()) if is_missing.any() else None


def _ascii(texts: pa.Array | pa.ChunkedArray) -> Ascii:
    """An array of bytes of one width; ids and hashes are ASCII."""
    return np.array(texts.to_pylist(), "S")
