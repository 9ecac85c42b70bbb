"""A video in an object store as the file that a decoder reads: what it looks at is fetched, and stays on this disk.

A decoder jumps between the header, an index at the end and the frames, and a clip is opened up to four times: nothing
of it is asked for twice. docs/input.md says how many requests and bytes that takes.
"""

import errno
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from dataset_schema import FailureKind
from storage.address import Address
from video_reading.video_error import VideoError

# Our choice: a request costs as much time as a few MiB. Who wants all gets so much with the first one, which is all of
# most clips; who wants a span mostly gets the header with it.
_FIRST_BYTES: Final = 8 << 20
_FIRST_BYTES_OF_SPAN: Final = 2 << 20

# Our choice: every further request asks for as much again as was fetched by all before, up to this. So there are few of
# them, wherever the decoder jumps, and at most about half of what they bring is not needed.
_MOST_BYTES: Final = 16 << 20


@contextmanager
def fetched(address: Address, *, wants_all: bool, max_bytes: int | None) -> Iterator["FetchedFile"]:
    """The object as a file, while the block lasts.

    Args:
        address: of the object.
        wants_all: whether all of it will be read.
        max_bytes: more is not fetched; None fetches any.

    Raises:
        VideoError: there is no such object, the store does not give it, or it takes more than `max_bytes`; also in
            place of what followed in the block.
    """
    with tempfile.TemporaryFile(prefix="openalchemist-", buffering=0) as disk:
        file = FetchedFile(address, disk, max_bytes)
        try:
            file.begin(_FIRST_BYTES if wants_all else _FIRST_BYTES_OF_SPAN)
            yield file
        finally:
            if file.trouble is not None:
                raise file.trouble


class FetchedFile(io.RawIOBase):
    """Reads an object; use `fetched` to open one.

    A decoder takes an error in the midst of reading for what it likes, or for the next file's. So it is told that the
    file ends there, and `fetched` raises the error when the decoder is through.

    Attributes:
        name: of the object: decoders guess from it what the file is.
        trouble: why reading ended early.
        fetched_bytes: what was asked for so far.
    """

    def __init__(self, address: Address, disk: IO[bytes], max_bytes: int | None) -> None:
        self.name = address.name
        self.trouble: VideoError | None = None
        self.fetched_bytes = 0
        self._address = address
        self._disk = disk
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._e_tag: str | None = None
        self._at = 0
        self._held: list[tuple[int, int]] = []  # [start, end) of what lies on the disk, rising, with holes between

    @property
    def size_bytes(self) -> int:
        """Of the whole object."""
        return self._size_bytes

    def begin(self, size: int) -> None:
        """Fetch the start of the object, and learn how large it is.

        Raises:
            VideoError: there is no such object, or the store does not give it.
        """
        try:
            content, facts = self._address.bucket.read_start(self._address.key, size)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise _told(error) from error
            self._take_whole()
            return
        self._size_bytes, self._e_tag = facts.st_size, facts.e_tag
        self._keep(0, content)

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The place in the object, in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place; nothing is fetched."""
        self._at = max(0, {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size_bytes}[whence] + offset)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or less; none at the end, and where there is trouble."""
        end = self._size_bytes if size < 0 else min(self._at + size, self._size_bytes)
        held_end = self._held_end()
        if held_end <= self._at < end and self.trouble is None:
            try:
                self._fetch()
            except OSError as error:
                self.trouble = _told(error)
            except VideoError as error:
                self.trouble = error
            held_end = self._held_end()
        content = os.pread(self._disk.fileno(), max(0, min(end, held_end) - self._at), self._at)
        self._at += len(content)
        return content

    def _held_end(self) -> int:
        """Where what is held from the place on ends; 0 where nothing is."""
        return next((end for start, end in self._held if start <= self._at < end), 0)

    def _fetch(self) -> None:
        hole_end = next((start for start, _ in self._held if start > self._at), self._size_bytes)
        end = min(hole_end, self._at + min(self.fetched_bytes, _MOST_BYTES))
        self._expect_bounded(self.fetched_bytes + end - self._at)
        content = self._address.bucket.read_part(self._address.key, self._at, end, e_tag=self._e_tag)
        self._keep(self._at, content)

    def _take_whole(self) -> None:
        """From a server that gives no parts.

        Raises:
            VideoError: it is too large, or the server does not give it either.
        """
        try:
            self._size_bytes = self._address.stat().st_size
            self._expect_bounded(self._size_bytes)
            self._address.bucket.read_into(self._disk, self._address.key, size=self._size_bytes)
            self._count(0, self._size_bytes)
        except OSError as error:
            raise _told(error) from error

    def _expect_bounded(self, size_bytes: int) -> None:
        if self._max_bytes is not None and size_bytes > self._max_bytes:
            raise VideoError(
                FailureKind.INPUT,
                f"takes more than {self._max_bytes >> 20} MiB from the store ({self._size_bytes >> 20} in all); raise "
                "max_fetched_bytes, or give it in smaller files",
            )

    def _keep(self, start: int, content: bytes) -> None:
        os.pwrite(self._disk.fileno(), content, start)
        self._count(start, len(content))

    def _count(self, start: int, size: int) -> None:
        self.fetched_bytes += size
        spans = sorted([*self._held, (start, start + size)])
        self._held = spans[:1]
        for first, end in spans[1:]:
            last_start, last_end = self._held[-1]
            if first <= last_end:
                self._held[-1] = last_start, max(last_end, end)
            else:
                self._held.append((first, end))


def _told(error: OSError) -> VideoError:
    if isinstance(error, FileNotFoundError):
        return VideoError(FailureKind.INPUT, f"{error.strerror}; correct its address, or put it there")
    return VideoError(FailureKind.IO, str(error.strerror))
