"""Text that people write: UTF-8, or with a byte order mark what that says; the mark itself is no part of the text.

Editors and spreadsheets of Windows put one in front of captions, presets and manifests.
"""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

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
def open_text(path: Path, *, keeps_faults: bool = False) -> Iterator[TextIO]:
    """Open a text to be read line by line; line ends come as they stand.

    Args:
        path: the file.
        keeps_faults: bytes that are not UTF-8 come as lone surrogates, instead of an error where they are reached.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: without a mark it holds NUL bytes, as UTF-16 does, and no text in UTF-8; or, where the lines are
            read, it is not in its encoding.
    """
    encoding = _encoding(path)
    errors = "surrogateescape" if keeps_faults and encoding.startswith("utf-8") else "strict"
    try:
        with path.open(encoding=encoding, errors=errors, newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not {_plain(encoding)} to its end; save it as UTF-8") from error


def read_text(path: Path) -> str:
    """The whole text, with every line end as a line feed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not in the encoding that it should have.
    """
    encoding = _encoding(path)
    try:
        return path.read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not {_plain(encoding)} at byte {error.start}; save it as UTF-8") from error


def _plain(encoding: str) -> str:
    return encoding.removesuffix("-sig").upper()


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        raise ValueError(f"{path} is not UTF-8 text (it holds NUL bytes); save it as UTF-8")
    return "utf-8"
