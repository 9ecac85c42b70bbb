"""Pictures in the forms in which files hold them, some of which Pillow reads and does not write."""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Rows = Sequence[bytes]


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """The content of a file of this picture."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png(size: tuple[int, int], depth: int, color: int, rows: Rows, **chunks: bytes) -> bytes:
    """A PNG of (width, height) with so many bits; `color` as in its header: 0 grey, 2 RGB, 3 palette, 4 with alpha."""
    head = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [
        (b"IHDR", head),
        *((name.encode(), chunk) for name, chunk in chunks.items()),
        (b"IDAT", data),
        (b"IEND", b""),
    ]
    packed = (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(pixels: bytes, *, width: int, bits: int, photometric: int, sample_format: int = 1) -> bytes:
    """An uncompressed little-endian TIFF of one row and one channel; photometric 0 means that white is zero."""
    values = {256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1, 278: 1, 279: len(pixels)}
    values[339] = sample_format
    values[273] = 8 + 2 + 12 * len(values) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(values)) + entries + b"\0\0\0\0" + pixels


def stored_with(orientation: int, upright: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What a file holds that shows `upright` by this EXIF orientation: the sides that its first row and column are."""
    mirrored, swapped = upright[:, ::-1], (1, 0, 2)
    return {
        1: upright,  # top, left
        2: mirrored,  # top, right
        3: mirrored[::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: upright.transpose(swapped),  # left, top
        6: mirrored.transpose(swapped),  # right, top
        7: mirrored[::-1].transpose(swapped),  # right, bottom
        8: upright[::-1].transpose(swapped),  # left, bottom
    }[orientation]


def color_profile(space: bytes, *, gamma: float, columns: Sequence[Sequence[float]] = ()) -> bytes:
    """An ICC profile of one gamma: of grey, or of RGB with these colors in XYZ under D50 for red, green and blue."""
    white = struct.pack(">4s4x3i", b"XYZ ", *(round(65536 * value) for value in (0.9642, 1.0, 0.8249)))
    curve = struct.pack(">4s4xIH2x", b"curv", 1, round(256 * gamma))
    tags = [(b"wtpt", white)]
    if space == b"GRAY":
        tags.append((b"kTRC", curve))
    for letter, xyz in zip(b"rgb", columns, strict=False):
        tags.append(
            (bytes([letter]) + b"XYZ", struct.pack(">4s4x3i", b"XYZ ", *(round(65536 * value) for value in xyz)))
        )
        tags.append((bytes([letter]) + b"TRC", curve))
    place = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += struct.pack(">4sII", name, place + len(data), len(content))
        data += content
    head = struct.pack(">I4sI4s4s4s", place + len(data), b"lcms", 0x02400000, b"mntr", space, b"XYZ ").ljust(36, b"\0")
    head = (head + b"acsp").ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + data


# The columns of sRGB's matrix to XYZ under D50.
SRGB_COLUMNS = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
