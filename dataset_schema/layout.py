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
import pyarrow.parquet as pq

from dataset_schema.media_places import PLACES_KEY, encode
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
    leaves = _leaves(schema)
    media = [leaf.media for leaf in leaves if leaf.media]
    offsets: list[list[int | None]] = []
    lengths: list[list[int | None]] = []
    ends: list[int] = []
    with pa.OSFile(str(written), "wb") as sink, pq.ParquetWriter(sink, schema, **_settings(leaves)) as writer:
        for group in _groups(rows, media):
            start = sink.tell()
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            offsets += _find_all(written, group, media, start)
            lengths += [[None if value is None else len(value) for value in _media(row, media)] for row in group]
            ends.append(sink.tell())
        if media:
            writer.add_key_value_metadata({PLACES_KEY: encode(offsets, lengths, ends)})


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


def _find_all(
    written: Path, group: Sequence[Row], media: Sequence[tuple[str, ...]], start: int
) -> list[list[int | None]]:
    """The offsets of every row's payloads in the row group that starts at `start`, found by what they hold."""
    found: list[list[int | None]] = [[] for _ in group]
    with written.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for names in media:  # column after column, as they stand in the file
            for row, offsets in zip(group, found, strict=True):
                for value in _below(row, names):
                    if value is None:
                        offsets.append(None)
                        continue
                    at = _find(content, value, start)
                    offsets.append(at)
                    start = at + len(value)
    return found


def _find(content: mmap.mmap, value: bytes, start: int) -> int:
    searched = _LENGTH.pack(len(value)) + value[:_SEARCHED_BYTES]
    while (found := content.find(searched, start)) >= 0:
        offset = found + _LENGTH.size
        if content[offset : offset + len(value)] == value:
            return offset
        start = found + 1
    raise RuntimeError(f"a payload of {len(value)} bytes stands in no page as it is, expected it plain; report this")
