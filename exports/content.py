"""What a file of an export holds: bytes, or a video where it stands in a shard, which is copied piece by piece."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dataset_schema import ByteRange, read_pieces, read_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVideo:
    """A video in its shard. As in training, no checksum covers what is read of it: `validate` looks.

    Attributes:
        shard: its file.
        shard_bytes: of the file when its rows were read.
        at: where the video stands in it.
    """

    shard: Path
    shard_bytes: int
    at: ByteRange
    clip_id: str

    def whole(self) -> bytes:
        """All of it.

        Raises:
            ValueError: the file is another one by now.
        """
        with expect_readable(self.shard, self.clip_id):
            (content,) = read_ranges(self.shard, [self.at], size_bytes=self.shard_bytes)
        return content

    def pieces(self) -> Iterator[memoryview]:
        """The same in pieces, each of which is gone when the next one is asked for.

        Raises:
            ValueError: the file is another one by now.
        """
        with expect_readable(self.shard, self.clip_id):
            yield from read_pieces(self.shard, self.at, size_bytes=self.shard_bytes)


Content: TypeAlias = bytes | StoredVideo


@contextmanager
def expect_readable(shard: Path, clip_id: str) -> Iterator[None]:
    """Say of which clip a shard cannot be read within the block.

    Raises:
        ValueError: it cannot.
    """
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"shard {shard} cannot be read at clip {clip_id} ({error}); bring the whole file back, or delete it and "
            "curate again to redo its clips"
        ) from error


def whole(content: Content) -> bytes:
    """All of it in memory."""
    return content.whole() if isinstance(content, StoredVideo) else content


def pieces(content: Content) -> Iterator[bytes | memoryview]:
    """All of it one after the other."""
    if isinstance(content, StoredVideo):
        yield from content.pieces()
    else:
        yield content


def size_of(content: Content) -> int:
    """In bytes."""
    return content.at.length if isinstance(content, StoredVideo) else len(content)
