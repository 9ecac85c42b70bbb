"""How rows lie in a shard: numbers and words in large groups that queries read fast, media where byte ranges find them.

A media column (`video.bytes` and the like) is stored plain, uncompressed and without statistics, so every payload stands
in the file as it is. Where each one stands is found after writing and kept in the file's own footer: one clip's video and
pictures can be read by their byte ranges alone, from a disk or through HTTP.
"""

import base64
import mmap
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_schema.rows import Row

PLACES_KEY: Final = b"openalchemist_media_places"

# Our choice: a query costs less the more rows a group has, and a reader of words holds no more than these in memory.
_GROUP_ROWS: Final = 4096
# An Arrow array of bytes holds less than 2 GiB.
_GROUP_MEDIA_BYTES: Final = 2**30
# A page is closed by the value that fills it: a payload of this size or more has a page of its own.
_PAGE_BYTES: Final = 4096
# So much of a payload is searched for in the file before the whole is compared.
_SEARCHED_BYTES: Final = 32
_LENGTH: Final = struct.Struct("<I")  # stands before every plain value
_ENDS_KEY: Final = b"group_ends"
_NUMBERS: Final = pa.list_(pa.int64())


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPlaces:
    """Where the media of every row stand in a shard.

    The payloads of a row come in the order of its columns: of a sample the video, every reference image (entities in
    order, the references of each in order), the background image; of a rejected clip the thumbnail. A payload that is
    not there, such as the image of no background, has no entry; one without bytes, such as a video by its path, null.

    Attributes:
        offsets: list<int64>, one list a row: the first byte of each payload, counted from the start of the file.
        lengths: list<int64>, as many as offsets: how many bytes it has.
    """

    offsets: pa.ListArray
    lengths: pa.ListArray


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
            writer.add_key_value_metadata({PLACES_KEY: _encode(offsets, lengths, ends)})


def media_places(file: pq.ParquetFile) -> MediaPlaces | None:
    """Where a shard's media stand, as its footer says; None where `write_shard` did not write it in version 3.2 or later.

    Raises:
        pa.ArrowInvalid: what the footer says cannot be; `open_shard` adds of which shard.
    """
    footer = file.metadata
    said = (footer.metadata or {}).get(PLACES_KEY)
    if said is None:
        return None
    places, ends = _decode(said)
    if ends != [_end(footer.row_group(group)) for group in range(footer.num_row_groups)]:
        return None  # another tool wrote the rows anew, and took along what it did not understand
    _check(places, num_rows=footer.num_rows, end=ends[-1])
    return places


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
                    offsets.append(None if value is None else _find(content, value, start))
                    start = start if value is None else offsets[-1] + len(value)
    return found


def _find(content: mmap.mmap, value: bytes, start: int) -> int:
    searched = _LENGTH.pack(len(value)) + value[:_SEARCHED_BYTES]
    while (found := content.find(searched, start)) >= 0:
        offset = found + _LENGTH.size
        if content[offset : offset + len(value)] == value:
            return offset
        start = found + 1
    raise RuntimeError(f"a payload of {len(value)} bytes stands in no page as it is, expected it plain; report this")


def _encode(
    offsets: Sequence[Sequence[int | None]], lengths: Sequence[Sequence[int | None]], ends: Sequence[int]
) -> bytes:
    """As a compressed Arrow stream; in base64, because some tools take no metadata but text."""
    schema = pa.schema({"offsets": _NUMBERS, "lengths": _NUMBERS}, metadata={_ENDS_KEY: ",".join(map(str, ends))})
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(pa.record_batch([pa.array(offsets, _NUMBERS), pa.array(lengths, _NUMBERS)], schema=schema))
    return base64.b64encode(stream.getvalue())


def _decode(said: bytes) -> tuple[MediaPlaces, list[int]]:
    try:
        with pa.ipc.open_stream(base64.b64decode(said, validate=True)) as stream:
            ends = [int(end) for end in stream.schema.metadata[_ENDS_KEY].split(b",")]
            batch = stream.read_next_batch()
            offsets, lengths = (batch[name].cast(_NUMBERS) for name in ("offsets", "lengths"))
    except (ValueError, KeyError, TypeError, OSError, StopIteration) as error:
        raise pa.ArrowInvalid(f"its footer says in no known form where its media stand: {error}") from error
    return MediaPlaces(offsets=offsets, lengths=lengths), ends


def _end(group: pq.RowGroupMetaData) -> int:
    """Of its pages in the file. Compressed words and numbers end elsewhere once anything about the rows has changed."""
    last = group.column(group.num_columns - 1)
    start: int = last.dictionary_page_offset if last.has_dictionary_page else last.data_page_offset
    return start + int(last.total_compressed_size)


def _check(places: MediaPlaces, *, num_rows: int, end: int) -> None:
    if not len(places.offsets) == len(places.lengths) == num_rows:
        raise pa.ArrowInvalid(
            f"its footer places the media of {len(places.offsets)} rows and measures those of {len(places.lengths)}, "
            f"expected {num_rows}"
        )
    offsets, lengths = (pc.list_flatten(numbers) for numbers in (places.offsets, places.lengths))
    if places.offsets.offsets != places.lengths.offsets or offsets.is_null() != lengths.is_null():
        raise pa.ArrowInvalid("its footer places other media than it measures, expected the same")
    ends = pc.min_max(pc.add(offsets, lengths))["max"].as_py() or 0
    first, shortest = (pc.min_max(numbers)["min"].as_py() or 0 for numbers in (offsets, lengths))
    if min(first, shortest) < 0 or ends > end:
        raise pa.ArrowInvalid(f"its footer places media at bytes {first} to {ends}, expected them in 0 to {end}")
