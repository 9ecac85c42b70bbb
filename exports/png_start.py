"""How a PNG starts: its size, and its first row, without what comes after it, which takes a hundred times as long."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

# Signature and first chunk: length, name, the head itself, and its checksum.
START_BYTES: Final = 33

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_END: Final = b"IEND\xaeB`\x82"
_HEAD: Final = struct.Struct(">IIBBBBB")
_RGBA_OF_8_BITS: Final = (8, 6, 0, 0, 0)
# Filters of the first row (PNG, section 9), above which everything is zero: those that leave a row as it is, and those
# that add the pixel to the left.
_AS_IT_IS: Final = (0, 2)
_LEFT_ADDED: Final = (1, 4)


class FirstRow(NamedTuple):
    """What a PNG begins with.

    Attributes:
        pixels: (width, 4), RGBA.
        height: of the picture.
    """

    pixels: npt.NDArray[np.uint8]
    height: int


def size_at_start(start: bytes) -> tuple[int, int] | None:
    """Height and width, as the first `START_BYTES` say; None where these are not an undamaged PNG's."""
    if len(start) < START_BYTES or not start.startswith(_SIGNATURE):
        return None
    name, head = next(_chunks(start))
    checksum = int.from_bytes(start[START_BYTES - 4 : START_BYTES])
    if name != b"IHDR" or len(head) != _HEAD.size or zlib.crc32(name + head) != checksum:
        return None
    width, height = _HEAD.unpack(head)[:2]
    return (height, width) if height and width else None


def first_row(content: bytes) -> FirstRow | None:
    """The first row of an RGBA picture of 8 bits.

    None of any other, of one that is cut off, of one with chunks that change how it is shown, and of one whose first
    row is stored as an average, which no writer does to save anything.
    """
    if not (content.startswith(_SIGNATURE) and content.endswith(_END)):
        return None
    chunks = _chunks(content)
    name, head = next(chunks, (b"", b""))
    if name != b"IHDR" or len(head) != _HEAD.size or _HEAD.unpack(head)[2:] != _RGBA_OF_8_BITS:
        return None
    width, height = _HEAD.unpack(head)[:2]
    row, inflater, wanted = b"", zlib.decompressobj(), 1 + 4 * width
    for name, data in chunks:
        if name != b"IDAT" or len(row) == wanted:
            break
        try:
            row += inflater.decompress(data, wanted - len(row))
        except zlib.error:
            return None
    if len(row) < wanted:
        return None
    pixels = np.frombuffer(row, np.uint8, offset=1).reshape(width, 4)
    if row[0] in _LEFT_ADDED:
        return FirstRow(np.cumsum(pixels, axis=0, dtype=np.uint8), height)
    return FirstRow(pixels, height) if row[0] in _AS_IT_IS else None


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 8 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        yield name, content[at + 8 : at + 8 + length]
        at += 12 + length
