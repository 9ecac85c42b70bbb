"""A Parquet manifest: one file, or a folder of parts as Spark, Ray and `datasets` write a table.

Columns of bytes stay out of the rows, whatever they lie in: an embedding or a picture is no caption. Text that is
stored as bytes is text.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from curation.sources.columns import TERMS, Columns, find_columns
from curation.sources.config import SourcesConfig
from curation.sources.rows import Listing, Row
from storage.address import Place

_ROWS_AT_ONCE: Final = 1024
_NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"


class _Part(NamedTuple):
    """One file of the table.

    Attributes:
        place: its path below the table's folder, or its name.
        partition: columns that its folders say, as in `lang=en/part-0.parquet`.
        names: the columns to read.
    """

    path: Place
    place: str
    partition: dict[str, str | None]
    names: list[str]
    columns: Columns
    num_rows: int


def list_parquet(parts: Sequence[tuple[Place, str]], config: SourcesConfig) -> Listing:
    """The rows of a table in one file, or of all parts in their order.

    Args:
        parts: where each lies, and its path below the table's folder, or its name.
        config: the names of the columns.

    Raises:
        ValueError: a part is no Parquet file, lacks a column, or has one of a type that is not read.
    """
    listed = [_look_through(path, place, config) for path, place in parts]
    return Listing(count=sum(part.num_rows for part in listed), read=partial(_rows, listed))


def parquet_columns(path: Place) -> list[str]:
    """The names in the footer.

    Raises:
        ValueError: it is no Parquet file.
    """
    with _opened(path) as file:
        return list(file.schema_arrow.names)


@contextmanager
def _opened(path: Place) -> Iterator[pq.ParquetFile]:
    with path.open("rb") as content:
        try:
            file = pq.ParquetFile(content)
        except (pa.ArrowInvalid, OSError) as error:
            raise _refused(error, f"manifest {path} is no Parquet file: {error}") from error
        yield file


def _refused(error: Exception, sentence: str) -> Exception:
    """What to raise: the sentence, unless the store has one of its own."""
    return error if isinstance(error, OSError) and error.filename else ValueError(sentence)


def _look_through(path: Place, place: str, config: SourcesConfig) -> _Part:
    with _opened(path) as file:
        schema, count = file.schema_arrow, file.metadata.num_rows
    partition = {name: value for name, value in _partition(place).items() if name not in schema.names}
    columns = find_columns([*schema.names, *partition], config, where=f"manifest {path}")
    own = columns.roles.keys() & set(schema.names)
    for name in sorted(own):
        if columns.roles[name] not in TERMS:
            _check_type(path, name, schema.field(name).type)
    names = [field.name for field in schema if field.name in own or not _holds_bytes(field.type)]
    return _Part(path, place, partition, names, columns, count)


def _partition(place: str) -> dict[str, str | None]:
    pairs = (folder.partition("=") for folder in place.split("/")[:-1] if "=" in folder)
    return {name: None if value == _NO_VALUE else unquote(value) for name, _, value in pairs}


def _rows(parts: Sequence[_Part]) -> Iterator[Row]:
    for part in parts:
        for number, fields in enumerate(_fields(part), start=1):
            yield part.columns.row(f"row {number} of {part.place}", number, fields | part.partition)


def _fields(part: _Part) -> Iterator[dict[str, Any]]:
    with _opened(part.path) as file:
        try:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=part.names):
                yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise _refused(error, f"manifest {part.path} is damaged: {error}; write it again") from error


def _check_type(path: Place, name: str, kind: pa.DataType) -> None:
    stored = _stored(kind)
    tests = (_is_text, _is_bytes, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    if not any(test(stored) for test in tests):
        raise ValueError(f"manifest {path} has a column {name!r} of type {kind}, expected text or numbers (of seconds)")


def _stored(kind: pa.DataType) -> pa.DataType:
    """The type of the values themselves."""
    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        elif pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
            kind = kind.value_type
        else:
            return kind


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(bool(test(kind)) for test in tests)


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(bool(test(kind)) for test in tests)


def _holds_bytes(kind: pa.DataType) -> bool:
    stored = _stored(kind)
    inner = [stored.field(number).type for number in range(stored.num_fields)]
    return _is_bytes(stored) or any(map(_holds_bytes, inner))
