"""Parts of a file that does not change, read by where they stand in it: nothing else of the file is touched."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class ByteRange(NamedTuple):
    """The bytes `[offset, offset + length)` of a file."""

    offset: int
    length: int


def read_ranges(path: Path, ranges: Sequence[ByteRange], *, size_bytes: int) -> list[bytes]:
    """What stands there.

    Our choice: the file is opened every time. On a disk that takes a hundredth of a millisecond, and a file that is
    kept open by one thread must not be closed by another.

    Args:
        path: of the file.
        ranges: in any order.
        size_bytes: of the file when the ranges were found.

    Raises:
        OSError: it is not there, or is not that file any more.
    """
    if not ranges:
        return []
    with path.open("rb", buffering=0) as file:
        found = os.fstat(file.fileno()).st_size
        if found != size_bytes:
            raise OSError(f"it has {found} bytes, expected the {size_bytes} that it had")
        return [_read(file.fileno(), each) for each in ranges]


def _read(descriptor: int, wanted: ByteRange) -> bytes:
    content = os.pread(descriptor, wanted.length, wanted.offset)
    while len(content) < wanted.length:  # the system may give less than it was asked for
        more = os.pread(descriptor, wanted.length - len(content), wanted.offset + len(content))
        if not more:
            raise OSError(f"it ends at byte {wanted.offset + len(content)}, expected {wanted.length} bytes there")
        content += more
    return content
