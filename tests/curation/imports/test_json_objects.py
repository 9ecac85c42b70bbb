"""JSON in pieces, held against JSON at once."""

import io
import json
from typing import Any

import pytest

from curation.imports import json_objects
from curation.imports.json_objects import Broken, read_lines, read_members

MEMBERS: dict[str, Any] = {
    "a": {"counts": 'O1"\\{}', "list": [1, 2.5, None, True]},
    "ü 視頻": "text, with: {signs}",
    "number": 12345678,
    "last": -0.5,
}


def members(text: str) -> list[Any]:
    return list(read_members(io.StringIO(text)))


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("indent", [None, 4])
def test_members_are_the_same_however_the_file_is_cut(
    piece: int, indent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_objects, "_PIECE_CHARS", piece)

    assert dict(members(json.dumps(MEMBERS, indent=indent, ensure_ascii=False) + "\n")) == MEMBERS


def test_an_object_without_members_has_none() -> None:
    assert members(" {} ") == []


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"a": 1, "b": [1, 2', ["a"]),
        ('{"a": 1 "b": 2}', ["a"]),
        ('{"a": 1, b: 2}', ["a"]),
        ('{"a": 1, 2: 2}', ["a"]),
        ("[1, 2]", []),
        ("", []),
    ],
)
def test_broken_text_is_told_and_what_stands_before_it_is_read(text: str, read: list[str]) -> None:
    *found, last = members(text)

    assert [name for name, _ in found] == read
    assert isinstance(last, Broken)
    assert "is no JSON" in last.problem


def test_a_value_without_an_end_is_not_looked_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_objects, "_PIECE_CHARS", 8)
    monkeypatch.setattr(json_objects, "_MOST_CHARS", 64)
    file = io.StringIO('{"a": "' + "x" * 10_000)

    (found,) = read_members(file)

    assert isinstance(found, Broken)
    assert "no value ends within 64 characters" in found.problem
    assert file.tell() < 1000


def test_a_broken_line_costs_itself() -> None:
    first, broken, last = read_lines(io.StringIO('{"a": 1}\n\n{"a": \n{"a": 3}\n'))

    assert (first, last) == (("line 1", {"a": 1}), ("line 4", {"a": 3}))
    assert isinstance(broken, Broken)
    assert broken.place == "line 3"
