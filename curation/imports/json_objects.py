"""JSON of any length, object by object: one object a line, or one large object whose values are the rows.

A file of annotations has gigabytes, so it is read in pieces; a value has at most some megabytes.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TextIO

_PIECE_CHARS: Final = 1 << 20

# Our choice: more is no row of annotations, but text in which an end is missing.
_MOST_CHARS: Final = 1 << 26

_DECODER: Final = json.JSONDecoder()
_BLANK: Final = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Broken:
    """Text that is no JSON, and where."""

    place: str
    problem: str


def read_lines(file: TextIO) -> Iterator[tuple[str, Any] | Broken]:
    """What every line that is not blank holds; a broken one costs itself."""
    for number, line in enumerate(file, start=1):
        place = f"line {number}"
        if not line.strip():
            continue
        try:
            yield place, json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Broken(place, f"is no JSON ({error})")


def read_members(file: TextIO) -> Iterator[tuple[str, Any] | Broken]:
    """Name and value of every member of the one object in a file; after broken text nothing can be found any more."""
    text = _Text(file)
    try:
        text.expect("{")
        if text.peek() == "}":
            return
        while True:
            name = text.name()
            text.expect(":")
            yield name, text.value()
            if text.peek() != ",":
                text.expect("}")
                return
            text.expect(",")
    except (ValueError, RecursionError) as error:
        yield Broken(f"character {text.at}", f"is no JSON ({error}); what comes after it in the file is not read")


class _Text:
    """A text of which as much is in memory as the value at hand needs."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._held = ""
        self._passed = 0

    @property
    def at(self) -> int:
        """How many characters were read so far."""
        return self._passed

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            blank = _BLANK.match(self._held)
            self._pass(blank.end() if blank else 0)
            if self._held or not self._more():
                return self._held[:1]

    def expect(self, character: str) -> None:
        """Pass over one."""
        if (found := self.peek()) != character:
            raise ValueError(f"expected {character!r}, found {found or 'the end'!r}")
        self._pass(1)

    def name(self) -> str:
        """Pass over the name of a member."""
        found = self.value()
        if isinstance(found, str):
            return found
        raise ValueError(f"expected a name in quotes, found {found!r}")

    def value(self) -> Any:
        """Pass over a value. One that ends where what is held ends may go on, if it is a number."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held)
            except ValueError:
                if not self._more():
                    raise
                continue
            if end < len(self._held) or not self._more():
                self._pass(end)
                return value

    def _pass(self, count: int) -> None:
        self._held = self._held[count:]
        self._passed += count

    def _more(self) -> bool:
        """Hold as much again; whether there was more."""
        if len(self._held) > _MOST_CHARS:
            raise RecursionError(f"no value ends within {_MOST_CHARS} characters")
        piece = self._file.read(max(_PIECE_CHARS, len(self._held)))
        self._held += piece
        return bool(piece)
