"""From records to the rows of their tables and back, as it follows from the types of the records."""

import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeAlias

import pyarrow as pa

from dataset_schema.arrow import without_none
from dataset_schema.records import FailedClip, RejectedClip, Sample
from dataset_schema.source import Payload

Row: TypeAlias = dict[str, Any]


def to_row(record: Sample | RejectedClip | FailedClip) -> Row:
    """The record as a row of its table's schema."""
    row: Row = _plain(record)
    return row | row["reasons"][0] if isinstance(record, RejectedClip) else row


def _plain(value: Any) -> Any:
    if names := _field_names(value.__class__):
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return [{"name": name, "value": number} for name, number in value.items()]
    return value


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Those of a record; none of anything else."""
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else ()


def from_row(row: Mapping[str, Any], kind: Any) -> Any:
    """The record that `to_row` wrote; checks itself again. Values that its row lacks are the defaults.

    Raises:
        ValueError: the row contradicts itself, or has no value where one is needed; the message names it.
    """
    try:
        return _reader(kind)(row)
    except ValueError as error:
        clip_id = str(row.get("clip_id"))
        raise (error if clip_id in str(error) else ValueError(f"clip {clip_id}: {error}")) from error


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """What makes a value of this type of what Arrow gives for it."""
    hint = without_none(hint)
    if hint is int:
        return _as_int
    if hint is float:
        return float
    if typing.get_origin(hint) is Mapping:
        return lambda pairs: {pair["name"]: pair["value"] for pair in pairs}
    if typing.get_origin(hint) is tuple:
        read = _reader(typing.get_args(hint)[0])
        return lambda items: tuple([None if item is None else read(item) for item in items])
    if hint is Payload:
        return lambda row: Payload(bytes=row.get("bytes"), path=row.get("path"))
    if is_dataclass(hint):
        return _record_reader(hint)
    return hint if isinstance(hint, type) and issubclass(hint, StrEnum) else lambda value: value


def _record_reader(kind: Any) -> Callable[[Any], Any]:
    hints, defaulted = typing.get_type_hints(kind), frozenset(optional_fields(kind))
    members = []
    for name in (each.name for each in fields(kind)):
        is_needed = name not in defaulted and without_none(hints[name]) is hints[name]
        members.append((name, _reader(hints[name]), is_needed, name in defaulted))

    def record(row: Mapping[str, Any]) -> Any:
        found: dict[str, Any] = {}
        missing: list[str] = []
        for name, read, is_needed, is_defaulted in members:  # one pass: an export reads some hundred fields a clip
            value = row.get(name)
            if value is not None:
                found[name] = read(value)
            elif is_needed:
                missing.append(name)
            elif not is_defaulted:
                found[name] = None
        if missing:
            raise ValueError(f"{', '.join(missing)} of a {kind.__name__} is null, expected a value")
        return kind(**found)

    return record


def _as_int(value: Any) -> int:
    """Tools that know no missing integers write them as floats."""
    if not math.isfinite(value) or value != int(value):
        raise ValueError(f"a column of integers holds {value}")
    return int(value)


def optional_fields(kind: Any) -> list[str]:
    """The fields that a row may lack."""
    return [each.name for each in fields(kind) if each.default is not MISSING or each.default_factory is not MISSING]


def missing_columns(found: pa.DataType | pa.Schema, kind: Any, *, below: str = "") -> list[str]:
    """The columns that a record of this kind needs and a table of this type lacks or has otherwise, by full names."""
    hints = typing.get_type_hints(kind)
    names = {member.name: member.type for member in found}
    missing = []
    for name in (each.name for each in fields(kind)):
        inner, arrow = without_none(hints[name]), names.get(name)
        if arrow is None:
            missing += [] if name in optional_fields(kind) else [f"{below}{name}"]
            continue
        while typing.get_origin(inner) is tuple and hasattr(arrow, "value_type"):
            inner, arrow = without_none(typing.get_args(inner)[0]), arrow.value_type
        if pa.types.is_struct(arrow) and is_dataclass(inner):
            missing += [] if inner is Payload else missing_columns(arrow, inner, below=f"{below}{name}.")
        elif expected := _unlike(arrow, inner):
            missing.append(f"{below}{name} as {expected} (it is {str(arrow)[:40]})")
    return missing


def _unlike(arrow: pa.DataType, hint: Any) -> str:
    """What a column should hold instead; nothing where its type will do. A column without any value has no type."""
    plain = arrow.value_type if pa.types.is_dictionary(arrow) else arrow
    if pa.types.is_null(plain):
        return ""
    if isinstance(hint, type) and issubclass(hint, str):
        return "" if any(is_text(plain) for is_text in _TEXTS) else "text"
    if hint in (bool, int, float):
        return "" if any(is_number(plain) for is_number in _NUMBERS) else "a number"
    is_list = typing.get_origin(hint) is Mapping and hasattr(plain, "value_type")
    return "" if is_list else "the nested column that it was"


_TEXTS: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_NUMBERS: Final = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
