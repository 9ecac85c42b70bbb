"""How rows lie in a shard: numbers and words in large groups that are queried fast, media where byte ranges reach them.

A media column (`video.bytes` and the like) is stored plain, uncompressed and without statistics, so that every payload
stands in the file as it is. Where each one stands is found after writing and kept in the file's own footer: one clip's
video and pictures can be read by their byte ranges alone, from a disk or through HTTP.
"""

import mmap
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_schema.placed_media import PLACES_KEY, encode
from dataset_schema.rows import Row

# Our choice: a query costs less the more rows a group has, and a reader of words holds no more than these in memory.
_GROUP_ROWS: Final = 4096
# An Arrow array of bytes holds less than 2 GiB.
_GROUP_MEDIA_BYTES: Final = 2**30
# A page is closed by the value that fills it: a payload of this size or more has a page of its own.
_PAGE_BYTES: Final = 4096
# So much of a payload is searched for in the file before the whole is compared.
_SEARCHED_BYTES: Final = 32
_LENGTH: Final = struct.Struct("<I")  # stands before every plain value


class _Leaf(NamedTuple):
    """A column as Parquet stores it: its path there, and where it holds media, the names that lead to a payload."""

    path: str
    media: tuple[str, ...] | None


def write_rows(written: Path, schema: pa.Schema, rows: Iterable[Row]) -> None:
    """Write rows of one of the three tables to a Parquet file; no more than one row group stands in memory.

    Args:
        written: a path on this machine.
        schema: of the table.
        rows: as `to_row` gives them.
    """
    media = _media_leaves(schema)
    _write(written, schema, (pa.Table.from_pylist(group, schema=schema) for group in _groups(rows, media)))


def write_tables(written: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """As `write_rows`, of rows that are Arrow already; returns how many they are.

    Args:
        written: a path on this machine.
        schema: of the table.
        tables: with that schema, one after the other; none with more than some megabytes of media.
    """
    return _write(written, schema, _groups_of_tables(tables))


def media_bytes(rows: pa.Table) -> list[int]:
    """How many bytes the payloads of every row have."""
    sizes = [0] * rows.num_rows
    for names in _media_leaves(rows.schema):
        for payload in _payloads(rows, names):
            numbers, lengths = payload.rows.to_pylist(), pc.binary_length(payload.values).to_pylist()
            for number, length in zip(numbers, lengths, strict=True):
                sizes[number] += length or 0
    return sizes


def _write(written: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> int:
    leaves, media = _leaves(schema), _media_leaves(schema)
    offsets: list[list[int | None]] = []
    lengths: list[list[int | None]] = []
    ends: list[int] = []
    with pa.OSFile(str(written), "wb") as sink, pq.ParquetWriter(sink, schema, **_settings(leaves)) as writer:
        for group in groups:
            start = sink.tell()
            writer.write_table(group)
            found = _find_all(written, group, media, start)
            offsets += found.offsets
            lengths += found.lengths
            ends.append(sink.tell())
        if media:
            writer.add_key_value_metadata({PLACES_KEY: encode(offsets, lengths, ends)})
    return len(offsets)


def _media_leaves(schema: pa.Schema) -> list[tuple[str, ...]]:
    return [leaf.media for leaf in _leaves(schema) if leaf.media]


def _leaves(schema: pa.Schema) -> list[_Leaf]:
    return [leaf for field in schema for leaf in _leaves_below(field, (field.name,), field.name)]


def _leaves_below(field: pa.Field, names: tuple[str, ...], path: str) -> Iterator[_Leaf]:
    """A payload is a structure with bytes in it: no other column holds any."""
    if pa.types.is_list(field.type):
        yield from _leaves_below(field.type.value_field, names, f"{path}.list.element")
    elif pa.types.is_struct(field.type):
        for member in field.type:
            yield from _leaves_below(member, (*names, member.name), f"{path}.{member.name}")
    else:
        yield _Leaf(path, names if pa.types.is_binary(field.type) else None)


def _settings(leaves: Sequence[_Leaf]) -> Mapping[str, Any]:
    """What makes Parquet lay media out so that they can be sought, and everything else small."""
    others = [leaf.path for leaf in leaves if not leaf.media]
    return {
        "compression": {leaf.path: "none" if leaf.media else "zstd" for leaf in leaves},
        "use_dictionary": others,
        "write_statistics": others,
        "write_page_index": True,
        "write_page_checksum": True,
        "data_page_size": _PAGE_BYTES,
        "write_batch_size": 1,  # values after which a page may end
    }


def _groups(rows: Iterable[Row], media: Sequence[tuple[str, ...]]) -> Iterator[list[Row]]:
    group: list[Row] = []
    size_bytes = 0
    for row in rows:
        row_bytes = sum(len(value) for value in _media(row, media) if value)
        if len(group) == _GROUP_ROWS or (group and size_bytes + row_bytes > _GROUP_MEDIA_BYTES):
            yield group
            group, size_bytes = [], 0
        group.append(row)
        size_bytes += row_bytes
    if group:
        yield group


def _media(row: Row, media: Sequence[tuple[str, ...]]) -> Iterator[bytes | None]:
    """The payloads of a row, with their bytes or without."""
    for names in media:
        yield from _below(row, names)


def _below(value: Any, names: tuple[str, ...]) -> Iterator[bytes | None]:
    if isinstance(value, list):
        for item in value:
            yield from _below(item, names)
    elif not names:
        yield value
    elif value is not None:
        yield from _below(value[names[0]], names[1:])


def _groups_of_tables(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    group: list[pa.Table] = []
    num_rows = size_bytes = 0
    for table in tables:
        table_bytes = table.nbytes
        if group and size_bytes + table_bytes > _GROUP_MEDIA_BYTES:
            yield pa.concat_tables(group)
            group, num_rows, size_bytes = [], 0, 0
        rest = table
        while num_rows + rest.num_rows >= _GROUP_ROWS:
            yield pa.concat_tables([*group, rest.slice(0, _GROUP_ROWS - num_rows)])
            rest = rest.slice(_GROUP_ROWS - num_rows)
            group, num_rows, size_bytes = [], 0, 0
        if rest.num_rows:
            group.append(rest)
            num_rows, size_bytes = num_rows + rest.num_rows, size_bytes + table_bytes
    if group:
        yield pa.concat_tables(group)


class _Payloads(NamedTuple):
    """Payloads of one column: the number of the row that each belongs to, and its bytes, null where it has none."""

    rows: pa.Array
    values: pa.Array


def _payloads(rows: pa.Table, names: tuple[str, ...]) -> Iterator[_Payloads]:
    """All of a column, as they stand in it, some at a time."""
    first = 0
    for chunk in rows[names[0]].chunks:
        numbers, array = pa.array(range(first, first + len(chunk)), pa.int64()), chunk
        first += len(chunk)
        for name in (*names[1:], None):
            while pa.types.is_list(array.type):
                numbers, array = numbers.take(pc.list_parent_indices(array)), pc.list_flatten(array)
            if name is None:
                yield _Payloads(numbers, array)
                continue
            if array.null_count:  # a payload that is not there, or what it would be a part of
                numbers, array = numbers.filter(array.is_valid()), array.filter(array.is_valid())
            array = pc.struct_field(array, name)


class _Places(NamedTuple):
    """Of every row: where its payloads stand, and how long they are."""

    offsets: list[list[int | None]]
    lengths: list[list[int | None]]


def _find_all(written: Path, group: pa.Table, media: Sequence[tuple[str, ...]], start: int) -> _Places:
    """The places of every row's payloads in the row group that starts at `start`, found by what they hold."""
    found = _Places([[] for _ in range(group.num_rows)], [[] for _ in range(group.num_rows)])
    with written.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for names in media:  # column after column, as they stand in the file
            for payloads in _payloads(group, names):
                for row, scalar in zip(payloads.rows.to_pylist(), payloads.values, strict=True):
                    value = scalar.as_py()
                    at = None if value is None else _find(content, value, start)
                    start = start if at is None else at + len(value)
                    found.offsets[row].append(at)
                    found.lengths[row].append(None if value is None else len(value))
    return found


def _find(content: mmap.mmap, value: bytes, start: int) -> int:
    searched = _LENGTH.pack(len(value)) + value[:_SEARCHED_BYTES]
    while (found := content.find(searched, start)) >= 0:
        offset = found + _LENGTH.size
        if content[offset : offset + len(value)] == value:
            return offset
        start = found + 1
    raise RuntimeError(f"a payload of {len(value)} bytes stands in no page as it is, expected it plain; report this")
