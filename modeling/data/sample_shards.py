"""The media of the clips of a dataset, from its shards: by their byte ranges, or with the row group around them."""

import shlex
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

import pyarrow.parquet as pq

from dataset_schema import Index, Payload, Sample, leaves, open_shard
from dataset_schema.byte_ranges import ByteRange, read_ranges
from dataset_schema.rows import Row
from modeling.data.range_cache import RangeCache
from modeling.data.row_groups import RowGroupReader
from storage.address import Address, Place

# Of shards that do not say where their media stand, every read of a clip takes its whole row group. Our choice: shards
# before schema 3.2 have four rows in one, whatever their size; other tools put a whole file into one, and up to this
# size that does no harm.
_GROUP_BYTES: Final = 2**28
_GROUP_ROWS: Final = 4

_FOOTERS_IN_MEMORY: Final = 64

# The columns of the index that say where a clip's media are.
PLACE_COLUMNS: Final = ("clip_id", "shard", "row", "video_path", "video_start_s", "media_offsets", "media_lengths")

_MEDIA: Final = ("video", "entities.references.image", "background.image")


class Media(NamedTuple):
    """The payloads of one clip, as far as they were wanted; the images entity after entity."""

    video: Payload | None
    images: tuple[Payload, ...]
    background: Payload | None


class SampleShards:
    """The shards of the kept clips of an index; any thread may read.

    Args:
        index: of the dataset.
        fetched: reads and keeps the media of shards in a store of objects, where these say where they stand.

    Raises:
        ValueError: a shard that does not say where its media stand has row groups too large to be read for every clip.
    """

    def __init__(self, index: Index, fetched: RangeCache) -> None:
        kept = [shard for shard in index.shards if shard.kind is Sample]
        self._fetched = fetched
        self._paths = [shard.path for shard in kept]
        self._sizes = [shard.covered.size_bytes for shard in kept]
        self._numbers = {shard.covered.shard: number for number, shard in enumerate(kept)}
        advice = "delete it and curate again to redo its clips"
        self._groups = RowGroupReader(self._paths, _opened, advice=advice)
        self._group_ends = lru_cache(maxsize=_FOOTERS_IN_MEMORY)(self._read_group_ends)

    def path(self, row: Row) -> Place:
        """The shard of a row of the index."""
        return self._paths[self._numbers[row["shard"]]]

    def expect_single_reads(self, shards: Iterable[str]) -> None:
        """Refuse shards, given by their names in the index, of which a row group is too large to be read for a clip.

        Raises:
            ValueError: one is.
        """
        for name in shards:
            path = self._paths[self._numbers[name]]
            with _opened(path) as file:
                _expect_small_groups(path, file.metadata)

    def read(self, row: Row, *, images: int, with_video: bool, with_references: bool) -> Media:
        """The media of a row of the index.

        Args:
            row: its `PLACE_COLUMNS`, and `has_background`.
            images: how many reference images it has.
            with_video: otherwise there is none.
            with_references: otherwise there are neither images nor a background.

        Raises:
            ValueError: the shard is damaged or gone, or another one has its name.
        """
        offsets, lengths = row["media_offsets"], row["media_lengths"]
        wanted = slice(0 if with_video else 1, None if with_references else 1)
        if offsets is None or None in offsets[max(wanted.start, 1) : wanted.stop]:
            return self._from_row_group(row, with_video=with_video, with_references=with_references)
        ranges = [
            ByteRange(offset, length)
            for offset, length in zip(offsets[wanted], lengths[wanted], strict=True)
            if offset is not None
        ]
        found = iter(self._bytes(row, ranges))
        video = None
        if with_video:
            has_bytes = offsets[0] is not None
            video = Payload(bytes=next(found) if has_bytes else None, path=row["video_path"])
        return Media(
            video=video,
            images=tuple(Payload(bytes=next(found)) for _ in range(images)) if with_references else (),
            background=Payload(bytes=next(found)) if with_references and row["has_background"] else None,
        )

    def read_background(self, row: Row) -> Payload:
        """The background image of a row that has one; nothing else of the clip is read where it can be sought."""
        offsets = row["media_offsets"]
        if offsets is None or offsets[-1] is None:
            return Payload(**self._row(row, ["background.image"])["background"]["image"])
        (content,) = self._bytes(row, [ByteRange(offsets[-1], row["media_lengths"][-1])])
        return Payload(bytes=content)

    def _bytes(self, row: Row, ranges: Sequence[ByteRange]) -> list[bytes]:
        shard = self._numbers[row["shard"]]
        place, size_bytes = self._paths[shard], self._sizes[shard]
        try:
            if isinstance(place, Address):
                return self._fetched.read(place, ranges, size_bytes=size_bytes)
            return read_ranges(place, ranges, size_bytes=size_bytes)
        except OSError as error:
            raise ValueError(
                f"clip {row['clip_id']}: its shard {place} cannot be read any more ({error}); put the shard back, or "
                "start again with the dataset as it is now"
            ) from error

    def _from_row_group(self, row: Row, *, with_video: bool, with_references: bool) -> Media:
        columns = [*(_MEDIA[:1] if with_video else ()), *(_MEDIA[1:] if with_references else ())]
        found = self._row(row, columns)
        images = (
            Payload(**reference["image"])
            for entity in found.get("entities") or ()
            for reference in entity.get("references") or ()
        )
        background = found.get("background")
        return Media(
            video=Payload(**found["video"]) if with_video else None,
            images=tuple(images),
            background=None if background is None else Payload(**background["image"]),
        )

    def _row(self, row: Row, columns: Sequence[str]) -> dict[str, Any]:
        """One row of the shard with all below some of its columns."""
        shard = self._numbers[row["shard"]]
        ends, paths = self._group_ends(shard, tuple(columns))
        group = bisect_right(ends, row["row"])
        place = row["row"] - (ends[group - 1] if group else 0)
        (found,) = self._groups.read(shard, group, paths).slice(place, 1).to_pylist()
        return dict(found)

    def _read_group_ends(self, shard: int, columns: tuple[str, ...]) -> tuple[list[int], list[str]]:
        """How many rows there are up to the end of each row group, and which leaves lie below some columns."""
        with _opened(self._paths[shard]) as file:
            footer = file.metadata
            rows = (footer.row_group(group).num_rows for group in range(footer.num_row_groups))
            names = [f"{column}.{part}" for column in columns for part in ("bytes", "path")]
            return list(accumulate(rows)), leaves(file, names)


def _opened(path: Place) -> AbstractContextManager[pq.ParquetFile]:
    return open_shard(path, Sample)


def _expect_small_groups(path: Place, footer: pq.FileMetaData) -> None:
    for group in range(footer.num_row_groups):
        found = footer.row_group(group)
        if found.total_byte_size > _GROUP_BYTES and found.num_rows > _GROUP_ROWS:
            quoted = shlex.quote(str(path))
            raise ValueError(
                f"shard {path} has {found.num_rows} rows of {found.total_byte_size >> 20} MB in one row group, which "
                f"every read of a clip takes whole; write it anew: make select DATASET={quoted} OUTPUT=..."
            )
