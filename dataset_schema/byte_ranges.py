"""Parts of a file that does not change, read by where they stand in it: nothing else of the file is touched."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from storage.address import Address

# Our choice: two ranges of an object are asked for at once where what lies between them, which is fetched in vain, has
# at most this share of both. So a clip's images come in one request, and a clip costs at most 1.05 times its media.
_GAP_SHARE: Final = 0.05
# Our choice: what the processor's own memory keeps. With 1 MiB, or the whole, a copy took twice its time.
_PIECE_BYTES: Final = 2**18


class ByteRange(NamedTuple):
    """The bytes `[offset, offset + length)` of a file."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The byte behind the last."""
        return self.offset + self.length


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
        expect_size(os.fstat(file.fileno()).st_size, size_bytes)
        return [_read(file.fileno(), each) for each in ranges]


def read_pieces(path: Path, wanted: ByteRange, *, size_bytes: int) -> Iterator[memoryview]:
    """What stands there in pieces, all in one buffer: each is gone when the next one is asked for.

    Args:
        path: of the file.
        wanted: what of it.
        size_bytes: of the file when the range was found.

    Raises:
        OSError: it is not there, or is not that file any more.
    """
    buffer = memoryview(bytearray(min(_PIECE_BYTES, wanted.length)))
    with path.open("rb", buffering=0) as file:
        expect_size(os.fstat(file.fileno()).st_size, size_bytes)
        at = wanted.offset
        while at < wanted.end:
            found = os.preadv(file.fileno(), [buffer[: wanted.end - at]], at)
            if not found:
                raise _ended(wanted, at)
            yield buffer[:found]
            at += found


def fetch_ranges(address: Address, ranges: Sequence[ByteRange], *, e_tag: str | None) -> list[bytes]:
    """What stands there of an object, in few requests.

    Args:
        address: of the object.
        ranges: in any order.
        e_tag: of the object when its size was found to be right.

    Raises:
        OSError: it is not there, is not that object any more, or the store does not give it.
    """
    found = dict.fromkeys(ranges, b"")
    for joint in joined(each for each in ranges if each.length):
        content = address.bucket.read_part(address.key, joint.offset, joint.end, e_tag=e_tag)
        if len(content) < joint.length:
            raise _ended(joint, joint.offset + len(content))
        within = (each for each in found if joint.offset <= each.offset and each.end <= joint.end)
        found |= {each: content[each.offset - joint.offset : each.end - joint.offset] for each in within}
    return [found[each] for each in ranges]


def joined(ranges: Iterable[ByteRange]) -> list[ByteRange]:
    """Fewer ranges that hold these: neighbours become one."""
    joint: list[ByteRange] = []
    for each in sorted(ranges):
        last = joint[-1] if joint else each
        if joint and each.offset - last.end <= _GAP_SHARE * min(last.length, each.length):
            joint[-1] = ByteRange(last.offset, max(last.end, each.end) - last.offset)
        else:
            joint.append(each)
    return joint


def expect_size(found: int, expected: int) -> None:
    """Refuse a file or an object that is not the one whose ranges are known.

    Raises:
        OSError: it has another size.
    """
    if found != expected:
        raise OSError(f"it has {found} bytes, expected the {expected} that it had")


def _read(descriptor: int, wanted: ByteRange) -> bytes:
    content = os.pread(descriptor, wanted.length, wanted.offset)
    while len(content) < wanted.length:  # the system may give less than it was asked for
        more = os.pread(descriptor, wanted.length - len(content), wanted.offset + len(content))
        if not more:
            raise _ended(wanted, wanted.offset + len(content))
        content += more
    return content


def _ended(wanted: ByteRange, at: int) -> OSError:
    return OSError(f"it ends at byte {at}, expected {wanted.length} bytes there")
