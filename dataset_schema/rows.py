"""From records to the rows of their tables and back, as it follows from the types of the records."""

import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias

import pyarrow as pa

from dataset_schema.arrow import without_none
from dataset_schema.records import FailedClip, Payload, RejectedClip, Sample

Row: TypeAlias = dict[str, Any]


def to_row(record: Sample | RejectedClip | FailedClip) -> Row:
    """The record as a row of its table's schema."""
    row: Row = _plain(record)
    return row | row["reasons"][0] if isinstance(record, RejectedClip) else row


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return [{"name": name, "value": number} for name, number in value.items()]
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value


def from_row(row: Mapping[str, Any], kind: Any) -> Any:
    """The record that `to_row` wrote; checks itself again. Values that its row lacks are the defaults.

    Raises:
        ValueError: the row contradicts itself, or has no value where one is needed.
    """
    return _reader(kind)(row)


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
        return lambda items: tuple(None if item is None else read(item) for item in items)
    if hint is Payload:
        return lambda row: Payload(bytes=row["bytes"], path=row["path"])
    if is_dataclass(hint):
        return _record_reader(hint)
    return hint if isinstance(hint, type) and issubclass(hint, StrEnum) else lambda value: value


def _record_reader(kind: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    read = {each.name: _reader(hints[each.name]) for each in fields(kind)}
    defaulted = frozenset(optional_fields(kind))

    def record(row: Mapping[str, Any]) -> Any:
        found = {name: row.get(name) for name in read}
        return kind(
            **{
                name: None if value is None else read[name](value)
                for name, value in found.items()
                if value is not None or name not in defaulted
            }
        )

    return record


def _as_int(value: Any) -> int:
    """Tools that know no missing integers write them as floats."""
    if value != int(value):
        raise ValueError(f"a column of integers holds {value}")
    return int(value)


def optional_fields(kind: Any) -> list[str]:
    """The fields that a row may lack."""
    return [each.name for each in fields(kind) if each.default is not MISSING or each.default_factory is not MISSING]


def missing_columns(found: pa.DataType | pa.Schema, kind: Any, *, below: str = "") -> list[str]:
    """The columns that a record of this kind needs and a table of this type lacks, with their full names."""
    hints = typing.get_type_hints(kind)
    names = {member.name: member.type for member in found}
    missing = []
    for name in (each.name for each in fields(kind)):
        inner, arrow = without_none(hints[name]), names.get(name)
        if arrow is None:
            missing += [] if name in optional_fields(kind) else [f"{below}{name}"]
            continue
        while typing.get_origin(inner) is tuple:
            inner, arrow = without_none(typing.get_args(inner)[0]), getattr(arrow, "value_type", arrow)
        if is_dataclass(inner) and inner is not Payload and pa.types.is_struct(arrow):
            missing += missing_columns(arrow, inner, below=f"{below}{name}.")
    return missing
