"""Rows as Pillow decodes them, of pictures whose every filter is chosen here."""

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from exports.png_start import START_BYTES, first_row, size_at_start


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(stored: bytes, width: int, height: int, *, split: int = 10**6) -> bytes:
    """A picture of rows as they are stored: a filter each, then what it made of the pixels."""
    data = zlib.compress(stored)
    pieces = [data[start : start + split] for start in range(0, len(data), split)]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunk(b"IDAT", piece) for piece in pieces) + chunk(b"IEND", b"")


def pixels(content: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)))


@given(st.sampled_from([0, 1, 2, 4]), st.integers(1, 40), st.integers(1, 3), st.integers(1, 50), st.randoms())
def test_the_row_is_what_pillow_decodes(kept: int, width: int, height: int, split: int, chance: object) -> None:
    rows = [bytes([kept]) + chance.randbytes(4 * width) for _ in range(height)]  # type: ignore[attr-defined]
    content = png(b"".join(rows), width, height, split=split)

    found = first_row(content)

    assert found is not None
    assert found.height == height
    assert np.array_equal(found.pixels, pixels(content)[0])


def saved(image: Image.Image, **named: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **named)
    return file.getvalue()


WHOLE = saved(Image.new("RGBA", (9, 9), (1, 2, 3, 4)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        WHOLE[:-1],
        WHOLE[:41] + b"no deflate" + WHOLE[51:],
        saved(Image.new("RGB", (9, 9))),
        saved(Image.new("RGBA", (9, 9)), icc_profile=b"its colors are others"),
        png(bytes([3, *range(8)]), 2, 1),
        png(bytes([1, 2, 3]), 2, 1),
    ],
    ids=["nothing", "cut_off", "damaged", "rgb", "with_a_profile", "average", "too_short"],
)
def test_of_what_the_row_does_not_tell_nothing_is_said(content: bytes) -> None:
    assert first_row(WHOLE) is not None
    assert first_row(content) is None


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_the_size_stands_at_the_start(mode: str) -> None:
    content = saved(Image.new(mode, (7, 300)))

    assert size_at_start(content) == size_at_start(content[:START_BYTES]) == (300, 7)


@pytest.mark.parametrize("at", range(START_BYTES))
def test_no_size_is_taken_from_a_damaged_start(at: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] ^= 1

    assert size_at_start(bytes(damaged)) is None
    assert size_at_start(WHOLE[:at]) is None
