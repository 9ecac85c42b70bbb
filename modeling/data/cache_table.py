"""The cache on disk: Parquet shards of encoded clips or captions, found by clip and by what was encoded.

    DATASET/cache/latents-<hash of the autoencoder's version>/part-*.parquet
    DATASET/cache/text-<hash of the text encoder's version>/part-*.parquet

An entry belongs to a clip and to the hash of what was encoded: the video's bytes (or name, size and time of change of
its file), its start, its window and its bucket; or the caption. So a clip that was curated again is encoded again, and
a cache of another encoder is never mistaken for this one's.

Values are float16. Our choice over bfloat16: latents have about unit variance, so its range is ample, and its rounding,
at most 2^-11 of a value, is a twentieth of the noise even at t = 0.01; bfloat16 rounds eight times as far.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from dataset_schema import write_row_groups
from modeling.data.entry_places import EntryKey, EntryPlaces
from modeling.data.row_groups import RowGroupReader

# Raise it when the columns change, but for one that old shards may lack, or when `decode_clip` begins to return other
# pixels.
CACHE_VERSION: Final = 1

_VERSION_KEY: Final = b"openalchemist_cache_version"
_SCHEMA: Final = pa.schema(
    [
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field("shape", pa.list_(pa.int32()), nullable=False),
        pa.field("values", pa.binary(), nullable=False),
        pa.field("spans", pa.list_(pa.int32())),  # of text: start and end of every token, one after the other
        pa.field("pooled", pa.binary()),  # of text: what some encoders make of the whole
    ]
)

# A reader takes a whole row group: about a megabyte costs it nothing, and keeps the footers short.
_GROUP_BYTES: Final = 2**20


LATENTS: Final = "latents"
TEXT: Final = "text"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """One row: numbers, and for text what characters they stand for, and perhaps one vector of the whole.

    Raises:
        ValueError: float16 cannot hold the numbers.
    """

    key: EntryKey
    values: Tensor
    spans: tuple[tuple[int, int], ...] | None = None
    pooled: Tensor | None = None

    def __post_init__(self) -> None:
        for values in (self.values,) if self.pooled is None else (self.values, self.pooled):
            self._expect_finite(values)

    def _expect_finite(self, values: Tensor) -> None:
        if not bool(torch.isfinite(values.half()).all()):
            largest = values.abs().max().item()
            raise ValueError(
                f"clip {self.key.clip_id}: its encoder gave numbers up to {largest:g}, expected finite ones within the "
                "65504 of float16; look at the clip, or train without the cache"
            )

    @property
    def size_bytes(self) -> int:
        """On disk, before compression."""
        return 2 * self.values.numel()


class CacheTable:
    """The finished shards of one kind of entry.

    Args:
        dataset: the entries lie in its folder `cache`.
        kind: `LATENTS` or `TEXT`.
        version: of the encoder.

    Raises:
        ValueError: a shard is unreadable, or of another layout.
    """

    def __init__(self, dataset: Path, *, kind: str, version: str) -> None:
        self._dataset = dataset
        self._kind = kind
        self._encoder = version
        self.folder = dataset / "cache" / f"{kind}-{blake2b(version.encode(), digest_size=6).hexdigest()}"
        self._shards = sorted(self.folder.glob("[!.]*.parquet"))
        self._groups = RowGroupReader(self._shards, self._open_shard, advice=self._advice)
        self._places = EntryPlaces.of(self._keys())

    def __contains__(self, key: EntryKey) -> bool:
        return self._places.find(key) is not None

    def expect(self, clip_ids: pa.StringArray, entries: npt.NDArray[np.int64]) -> None:
        """Refuse to go on unless every one of these clips has so many entries, whatever they were made from.

        Raises:
            ValueError: one has fewer.
        """
        if (first := self._places.first_missing(clip_ids, entries)) is not None:
            raise self._missing(first, "not made yet")

    def read(self, key: EntryKey) -> Entry:
        """The entry, in float32.

        Raises:
            ValueError: there is none.
        """
        found = self._places.find(key)
        if found is None:
            is_stale = self._places.first_missing(pa.array([key.clip_id]), np.ones(1, np.int64)) is None
            raise self._missing(key.clip_id, "made from something else" if is_stale else "not made yet")
        shard, group, place = found
        (row,) = self._groups.read(shard, group).slice(place, 1).to_pylist()
        values = _numbers(row["values"]).reshape(row["shape"])
        vector = row.get("pooled")
        spans = None if row["spans"] is None else tuple(zip(row["spans"][::2], row["spans"][1::2], strict=True))
        return Entry(key=key, values=values, spans=spans, pooled=None if vector is None else _numbers(vector))

    def _missing(self, clip_id: str, why: str) -> ValueError:
        return ValueError(
            f"clip {clip_id}: its {self._kind} in the cache {self.folder} are {why} "
            f"(encoder {self._encoder}); {self._command}"
        )

    def write_shard(self, entries: Sequence[Entry]) -> Path:
        """Write a shard, named after its keys: one that is written twice is there once."""
        path = self.folder / shard_of_keys([entry.key for entry in entries])
        metadata = {_VERSION_KEY: str(CACHE_VERSION), b"kind": self._kind, b"encoder": self._encoder}
        write_row_groups(path, _SCHEMA.with_metadata(metadata), _row_groups(entries))
        return path

    def _keys(self) -> Iterator[tuple[pa.Table, int, int]]:
        """The keys of every row group, with its shard and its number."""
        for number, path in enumerate(self._shards):
            with self._open_shard(path) as shard:
                for group in range(shard.num_row_groups):
                    yield shard.read_row_group(group, columns=list(EntryKey._fields)), number, group

    @property
    def _advice(self) -> str:
        return f"delete it and {self._command}"

    @property
    def _command(self) -> str:
        return f"run: make cache DATASET={shlex.quote(str(self._dataset))} CONFIG=<the training config>"

    def _open_shard(self, path: Path) -> pq.ParquetFile:
        try:
            file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise ValueError(f"cache shard {path} cannot be read ({error}); {self._advice}") from error
        found = (file.schema_arrow.metadata or {}).get(_VERSION_KEY, b"none").decode()
        if found != str(CACHE_VERSION):
            file.close()
            raise ValueError(f"cache shard {path} has layout {found}, expected {CACHE_VERSION}; {self._advice}")
        return file


def shard_of_keys(keys: Sequence[EntryKey]) -> str:
    """The file name of a shard with these entries."""
    return f"part-{blake2b(repr(list(keys)).encode(), digest_size=8).hexdigest()}.parquet"


def _row_groups(entries: Sequence[Entry]) -> Iterator[pa.Table]:
    group: list[Entry] = []
    for entry in entries:
        if group and sum(other.size_bytes for other in group) + entry.size_bytes > _GROUP_BYTES:
            yield _to_table(group)
            group = []
        group.append(entry)
    yield _to_table(group)


def _to_table(entries: Sequence[Entry]) -> pa.Table:
    rows = [
        {
            **entry.key._asdict(),
            "shape": list(entry.values.shape),
            "values": _written(entry.values),
            "spans": None if entry.spans is None else [place for span in entry.spans for place in span],
            "pooled": None if entry.pooled is None else _written(entry.pooled),
        }
        for entry in entries
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _written(values: Tensor) -> bytes:
    written: bytes = values.half().cpu().numpy().tobytes()
    return written


def _numbers(written: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(written, np.float16).astype(np.float32))
