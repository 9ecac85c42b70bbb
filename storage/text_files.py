"""Text that people write: UTF-8, or with a byte order mark what that says; the mark itself is no part of the text.

Editors and spreadsheets of Windows put one in front of captions, presets and manifests.
"""

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final, TextIO, cast

from storage.address import Place

# The marks of UTF-32 begin as those of UTF-16 do. Each of these codecs takes its mark away.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD_BYTES: Final = 4096


@contextmanager
def open_text(place: Place, *, keeps_faults: bool = False) -> Iterator[TextIO]:
    """Open a text to be read line by line; line ends come as they stand.

    Args:
        place: of the file; of one in a store, no more is fetched than is read.
        keeps_faults: bytes that are not UTF-8 come as lone surrogates, instead of an error where they are reached.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: without a mark it holds NUL bytes, as UTF-16 does, and no text in UTF-8; or, where the lines are
            read, it is not in its encoding.
    """
    with place.open("rb") as content:
        encoding = _encoding(content.read(_HEAD_BYTES), place)
        content.seek(0)
        errors = "surrogateescape" if keeps_faults and encoding.startswith("utf-8") else "strict"
        try:
            yield io.TextIOWrapper(cast("IO[bytes]", content), encoding, errors, newline="")
        except UnicodeDecodeError as error:
            raise ValueError(f"{place} is not {_plain(encoding)} to its end; save it as UTF-8") from error


def read_text(place: Place) -> str:
    """The whole text, with every line end as a line feed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not in the encoding that it should have.
    """
    content = place.read_bytes()
    encoding = _encoding(content[:_HEAD_BYTES], place)
    try:
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} is not {_plain(encoding)} at byte {error.start}; save it as UTF-8") from error


def _plain(encoding: str) -> str:
    return encoding.removesuffix("-sig").upper()


def _encoding(head: bytes, place: Place) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        raise ValueError(f"{place} is not UTF-8 text (it holds NUL bytes); save it as UTF-8")
    return "utf-8"
