"""An object of a store as a file that can be sought: only the parts that are read are asked for."""

import io
import os
from typing import Any, Final

from storage.bucket import Bucket, ObjectFacts

# Our choice: a request costs as much time as some hundred kilobytes. Who reads on and on gets twice as much at every
# request, and who jumps about gets little more than what was asked for.
_LEAST_BYTES: Final = 1 << 16
_MOST_BYTES: Final = 1 << 23


class RangedFile(io.BufferedIOBase):
    """Reads an object as it was when it was opened; one that was replaced since is an error, and never a mixture."""

    def __init__(self, bucket: Bucket, key: str, facts: ObjectFacts) -> None:
        self._bucket = bucket
        self._key = key
        self._facts = facts
        self._at = 0
        self._held = b""
        self._held_at = 0
        self._ahead = _LEAST_BYTES

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
        """Go to a place; nothing is asked for."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._facts.st_size}[whence]
        if base + offset < 0:
            raise ValueError(f"seek to byte {base + offset} of {self._bucket.root}/{self._key}, expected at least 0")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, or all up to the end; fewer only there."""
        left = max(0, self._facts.st_size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        from_held = self._held_from(self._at, wanted)
        rest = self._fetch(self._at + len(from_held), wanted - len(from_held)) if len(from_held) < wanted else b""
        self._at += wanted
        return from_held + rest

    def read1(self, size: int = -1, /) -> bytes:
        """As `read`."""
        return self.read(size)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; less only at the end."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def _held_from(self, place: int, size: int) -> bytes:
        offset = place - self._held_at
        return self._held[offset : offset + size] if offset >= 0 else b""

    def _fetch(self, start: int, size: int) -> bytes:
        reads_on = self._held and start == self._held_at + len(self._held)
        self._ahead = min(2 * self._ahead, _MOST_BYTES) if reads_on else _LEAST_BYTES
        end = min(start + max(size, self._ahead), self._facts.st_size)
        self._held = self._bucket.read_part(self._key, start, end, e_tag=self._facts.e_tag)
        self._held_at = start
        return self._held[:size]
