"""The Arrow schemas of the three tables, as they follow from the types of the records.

The schema metadata follows the convention of the `datasets` library (key `huggingface`), so that
`datasets.load_dataset` knows pictures and videos; pandas, DuckDB and pyarrow need nothing.

Our choice: pictures are decoded and videos handed out as bytes, because `datasets` decodes videos by torchcodec alone,
which needs FFmpeg's libraries: without them no row could be read. `cast_column("video", Video())` asks for frames.
"""

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

import pyarrow as pa

from dataset_schema.records import FailedClip, Reason, RejectedClip, Sample
from dataset_schema.source import Payload
from dataset_schema.version import SCHEMA_VERSION

Kind: TypeAlias = type[Sample | RejectedClip | FailedClip]

VERSION_KEY: Final = b"openalchemist_schema_version"

# The first of a rejected clip's reasons stands beside them, so that a one-line query can count it.
_FIRST_REASON: Final = tuple(each.name for each in fields(Reason))


class _Column(NamedTuple):
    """One column: its Arrow type, and the feature that tells `datasets` how to show it."""

    arrow: pa.DataType
    feature: Any


def _value(arrow: pa.DataType, dtype: str) -> _Column:
    return _Column(arrow, {"dtype": dtype, "_type": "Value"})


_PLAIN: Final[Mapping[type, _Column]] = {
    str: _value(pa.string(), "string"),
    int: _value(pa.int32(), "int32"),
    float: _value(pa.float64(), "float64"),
    bool: _value(pa.bool_(), "bool"),
}
_BYTES_OR_PATH: Final = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


_SHOWN_AS_PICTURE: Final[Mapping[str, Any]] = {"_type": "Image"}


def _struct(columns: Mapping[str, _Column]) -> _Column:
    members = [pa.field(name, column.arrow) for name, column in columns.items()]
    return _Column(pa.struct(members), {name: column.feature for name, column in columns.items()})


def _list(item: _Column) -> _Column:
    return _Column(pa.list_(item.arrow), {"feature": item.feature, "_type": "List"})


def without_none(hint: Any) -> Any:
    """`X` of `X | None`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = (some for some in typing.get_args(hint) if some is not types.NoneType)
    return hint


def _column(hint: Any, field: "Field[Any]") -> _Column:
    """The column of a field of this type. A mapping of names to numbers is a list of pairs, which every tool reads."""
    hint = without_none(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint is Payload:
        return _Column(_BYTES_OR_PATH, dict(field.metadata.get("feature", _SHOWN_AS_PICTURE)))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _PLAIN[str]
    if is_dataclass(hint):
        return _struct(_columns(typing.cast("type[Any]", hint)))
    if typing.get_origin(hint) is Mapping:
        return _list(_struct({"name": _PLAIN[str], "value": _PLAIN[float]}))
    return _list(_column(typing.get_args(hint)[0], field))


def _columns(kind: type[Any]) -> dict[str, _Column]:
    hints = typing.get_type_hints(kind)
    columns = {each.name: _column(hints[each.name], each) for each in fields(kind)}
    if kind is not RejectedClip:
        return columns
    first_reason = dict.fromkeys(_FIRST_REASON, _PLAIN[str])
    return {name: column for name in _table_order(columns) for column in ({**columns, **first_reason}[name],)}


def _table_order(columns: Mapping[str, _Column]) -> list[str]:
    names = list(columns)
    at = names.index("reasons")
    return [*names[:at], *_FIRST_REASON, *names[at:]]


def _schema(kind: type[Any]) -> pa.Schema:
    columns = _columns(kind)
    features = {name: column.feature for name, column in columns.items()}
    return pa.schema(
        [pa.field(name, column.arrow) for name, column in columns.items()],
        metadata={
            VERSION_KEY: str(SCHEMA_VERSION).encode(),
            b"huggingface": json.dumps({"info": {"features": features}}).encode(),
        },
    )


SAMPLES_SCHEMA: Final = _schema(Sample)
REJECTIONS_SCHEMA: Final = _schema(RejectedClip)
FAILURES_SCHEMA: Final = _schema(FailedClip)
