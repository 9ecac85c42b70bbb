"""Where the media of a shard stand, as its footer says.

Tools that write rows anew may copy this part of the footer without understanding it. So it names the row groups it is
about by where they end in the file, which changes with anything about their rows.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_schema.byte_ranges import ByteRange

PLACES_KEY: Final = b"openalchemist_media_places"

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

    def of_row(self, row: int) -> tuple[ByteRange | None, ...]:
        """The payloads of a row in their order; None for one without bytes."""
        pairs = zip(self.offsets[row].as_py(), self.lengths[row].as_py(), strict=True)
        return tuple(None if offset is None else ByteRange(offset, length) for offset, length in pairs)


def media_places(file: pq.ParquetFile) -> MediaPlaces | None:
    """Where a shard's media stand, as its footer says; None before version 3.2, and in the files of other tools.

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


def encode(
    offsets: Sequence[Sequence[int | None]], lengths: Sequence[Sequence[int | None]], ends: Sequence[int]
) -> bytes:
    """What to put into the footer: a compressed Arrow stream, in base64 because some tools take no metadata but text.

    Args:
        offsets: as in `MediaPlaces`.
        lengths: as in `MediaPlaces`.
        ends: where each row group ends in the file.
    """
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
    is_same = places.offsets.offsets.equals(places.lengths.offsets) and offsets.is_null().equals(lengths.is_null())
    if not is_same:
        raise pa.ArrowInvalid("its footer places other media than it measures, expected the same")
    ends = pc.min_max(pc.add_checked(offsets, lengths))["max"].as_py() or 0
    first, shortest = (pc.min_max(numbers)["min"].as_py() or 0 for numbers in (offsets, lengths))
    if min(first, shortest) < 0 or ends > end:
        raise pa.ArrowInvalid(f"its footer places media at bytes {first} to {ends}, expected them in 0 to {end}")
