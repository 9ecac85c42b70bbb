"""The media of a clip, read from its shard by the byte ranges that the index names, and no other byte of the disk."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataset_schema.byte_ranges import ByteRange, read_ranges
from dataset_schema.rows import Row
from pipelines.browser.opened import Opened

_AT_ONCE_BYTES: Final = 2**18

# What a payload is said to be: by its first bytes, because a name may say anything. Nothing else is ever shown as a
# page or a script.
_SIGNS: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)
UNKNOWN_TYPE: Final = "application/octet-stream"
HEAD_BYTES: Final = 16


class MediaError(ValueError):
    """A payload cannot be shown, and why, in a sentence."""


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """A payload in a shard."""

    shard: Path
    shard_bytes: int
    offset: int
    length: int


class MediaReader:
    """Reads payloads, and counts what it read.

    Attributes:
        bytes_read: of all media so far.
    """

    def __init__(self) -> None:
        self.bytes_read = 0
        self._lock = threading.Lock()

    def read(self, media: StoredMedia, part: range | None = None) -> bytes:
        """A payload, or a part of it.

        Raises:
            MediaError: the shard is gone, or another file has its name.
        """
        wanted = range(media.length) if part is None else part
        try:
            place = ByteRange(media.offset + wanted.start, len(wanted))
            (content,) = read_ranges(media.shard, [place], size_bytes=media.shard_bytes)
        except OSError as error:
            raise MediaError(
                f"shard {media.shard.name} cannot be read any more ({error}); put it back, or reload the page to see "
                "the dataset as it is now"
            ) from error
        with self._lock:
            self.bytes_read += len(content)
        return content

    def chunks(self, media: StoredMedia, wanted: range) -> Iterator[bytes]:
        """A part of a payload, in pieces that fit into memory whatever its size."""
        for start in range(wanted.start, wanted.stop, _AT_ONCE_BYTES):
            yield self.read(media, range(start, min(start + _AT_ONCE_BYTES, wanted.stop)))


def stored_media(opened: Opened, row: Row, number: int) -> StoredMedia:
    """Where a payload of a clip lies; they are numbered as `media_places` orders them.

    Raises:
        MediaError: the clip has none of this number in its shard.
    """
    shard = opened.shards.get(row["shard"])
    offsets, lengths = row["media_offsets"], row["media_lengths"]
    if shard is None or not isinstance(shard.path, Path):
        raise MediaError(f"the dataset has no shard {row['shard']}")
    if offsets is None:
        raise MediaError(
            f"shard {row['shard']} does not say where its media stand, as those before schema 3.2; write it anew: make "
            f"compact DATASET={opened.folder}"
        )
    if not 0 <= number < len(offsets):
        raise MediaError(f"clip {row['clip_id']} has {len(offsets)} payloads, and none of number {number}")
    if offsets[number] is None:
        raise MediaError(f"the video lies outside of the dataset, which is all that is shown here: {row['video_path']}")
    size = shard.covered.size_bytes
    if not (offsets[number] >= 0 and lengths[number] >= 0 and offsets[number] + lengths[number] <= size):
        raise MediaError(f"the index places a payload of clip {row['clip_id']} outside of its shard; make index anew")
    return StoredMedia(shard.path, size, offsets[number], lengths[number])


def media_type(head: bytes) -> str:
    """What a payload is, by its first bytes."""
    return next((name for at, sign, name in _SIGNS if head[at:].startswith(sign)), UNKNOWN_TYPE)


def is_shown_as_video(row: Row) -> bool:
    """Whether the clip's video lies in its shard."""
    return row["outcome"] == "kept" and bool(row["media_offsets"]) and row["media_offsets"][0] is not None
