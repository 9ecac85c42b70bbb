"""Random access to the clips of a dataset by bucket and index: text from the index, media by their byte ranges."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataset_schema import Bucket, Outcome, Payload, Sample, dataset_root, largest_bucket, open_index, shard_paths
from dataset_schema.rows import Row
from modeling.data.captions import CAPTION_COLUMNS, CaptionedClip, NamedEntity, captioned
from modeling.data.prefetch import BoundedMemory
from modeling.data.range_cache import RangeCacheConfig
from modeling.data.sample_shards import PLACE_COLUMNS, SampleShards
from modeling.data.training_sample import PicturedEntity, TrainingSample
from storage.address import Address, Place, place_beside

_logger = logging.getLogger(__name__)

_SIZE_COLUMNS: Final = ("num_frames", "fps", "height", "width")
_TEXT_COLUMNS: Final = tuple(dict.fromkeys((*CAPTION_COLUMNS, *PLACE_COLUMNS)))

# Our choice: the texts of some hundred thousand clips; one that is not among them costs some milliseconds.
_TEXT_BYTES: Final = 2**27

# In a store of objects it costs some requests, for its whole row group: there the texts of some million clips stay.
_FETCHED_TEXT_BYTES: Final = 2**31

Positions = npt.NDArray[np.int64]


class ClipIndex(NamedTuple):
    """A clip, and what `SampleStore` finds it by: `row` is its index in the bucket."""

    clip_id: str
    bucket: Bucket
    row: int


class SampleStore:
    """The samples of a dataset by bucket.

    In memory stand the clips' ids and positions; what is said of a clip is read from the index when it is asked for.

    Args:
        dataset: what `curate` or `select` wrote; or a selection by another tool, one Parquet file or a folder of them.
        buckets: every clip goes to the largest of these that it fills, and is left out if it fills none; without any,
            to the one it was curated for.
        range_cache: where the media of a dataset in a store of objects are kept.

    Attributes:
        root: the directory that relative paths start from, and that holds the cache of latents.

    Raises:
        FileNotFoundError: there is no dataset.
        ValueError: the dataset has no samples, or a shard is unreadable, of another schema version, or made so that no
            clip of it can be read alone.
    """

    def __init__(
        self, dataset: Place, buckets: Sequence[Bucket] = (), *, range_cache: RangeCacheConfig | None = None
    ) -> None:
        self.dataset = dataset
        _expect_dataset(dataset)
        self.root = dataset_root(dataset)
        self._index = open_index(dataset)
        self._shards = SampleShards(self._index, (range_cache or RangeCacheConfig()).open())
        ids, self._buckets, self._bucket_of = self._divide(buckets)
        self._positions, self._ids = _sorted_by_id(ids, self._bucket_of, len(self._buckets))
        self._places = {bucket: number for number, bucket in enumerate(self._buckets)}
        if not self._buckets:
            wanted = f" that fill {' or '.join(map(str, buckets))}" if buckets else ""
            raise ValueError(
                f"dataset {dataset} has no samples{wanted}, expected samples/*.parquet with at least one such row; "
                "look at its rejections and failures, or curate more videos"
            )
        self._expect_single_reads()
        self._tell_repeated()
        self._texts: BoundedMemory[range, pa.Table] = BoundedMemory(
            lambda rows: self._index.read(rows, _TEXT_COLUMNS),
            size_bytes=lambda table: int(table.nbytes),
            limit_bytes=_FETCHED_TEXT_BYTES if isinstance(dataset, Address) else _TEXT_BYTES,
        )

    def clips_per_bucket(self) -> Mapping[Bucket, int]:
        """How many clips each bucket has; buckets without any are not listed."""
        return {bucket: len(self._positions[place]) for bucket, place in self._places.items()}

    def clip_ids(self, bucket: Bucket) -> pa.StringArray:
        """The clips of a bucket, in the order of `read`."""
        return self._ids[self._places[bucket]]

    def multi_subject_clips(self) -> Mapping[Bucket, Positions]:
        """Of each bucket, the indices of clips with reference images of two entities or more.

        Our choice: objects count like subjects, because A.3 draws from both alike.
        """
        return self._indices_where(self._flags("entities", _has_several_subjects))

    def clips_with_background(self) -> "ClipsOfBuckets":
        """All clips that have a background image."""
        return ClipsOfBuckets(self, self._indices_where(self._flags("has_background", lambda column: column)))

    def read_background(self, bucket: Bucket, index: int) -> Payload:
        """The background image of one of `clips_with_background`; nothing else of the clip is read.

        Raises:
            ValueError: the shard is damaged.
        """
        return self._shards.read_background(self._row(bucket, index))

    def read(
        self, bucket: Bucket, index: int, *, with_video: bool = True, with_references: bool = True
    ) -> TrainingSample:
        """The sample at `index` among those of `bucket`, in the order of their ids. Any thread may ask.

        Args:
            bucket: one of `clips_per_bucket`.
            index: from 0 on.
            with_video: otherwise the sample has no video.
            with_references: otherwise the sample has no entities and no background.

        Raises:
            ValueError: the shard is damaged or gone, or the row contradicts itself.
        """
        row = self._row(bucket, index)
        said = self._captioned(row, bucket)
        images = sum(entity.references for entity in said.entities)
        media = self._shards.read(row, images=images, with_video=with_video, with_references=with_references)
        return TrainingSample(
            clip_id=said.clip_id,
            caption=said.caption,
            video=media.video,
            video_start_s=row["video_start_s"],
            entities=_pictured(said.entities, media.images) if with_references else (),
            background=media.background,
        )

    def content(self, payload: Payload) -> bytes | Place:
        """A payload's bytes, or where they lie; a relative path is relative to the root.

        Raises:
            ValueError: the path is an address of no store.
        """
        if payload.bytes is not None:
            return payload.bytes
        return place_beside(self.root, str(payload.path))

    def captions(self) -> Iterator[CaptionedClip]:
        """What is said of every clip, in the order of the shards; no picture and no video is read.

        Raises:
            ValueError: a row says nothing, or a shard is damaged.
        """
        position = 0
        for table in self._index.batches((*CAPTION_COLUMNS, "shard"), outcome=Outcome.KEPT):
            places = self._bucket_of[position : position + len(table)]
            position += len(table)
            for row, place in zip(table.to_pylist(), places.tolist(), strict=True):
                if place >= 0:
                    yield self._captioned(row, self._buckets[place])

    def _row(self, bucket: Bucket, index: int) -> Row:
        position = int(self._positions[self._places[bucket]][index])
        rows = self._index.group_at(position)
        (row,) = self._texts.get(rows).slice(position - rows.start, 1).to_pylist()
        return dict(row)

    def _captioned(self, row: Row, bucket: Bucket) -> CaptionedClip:
        try:
            return captioned(row, bucket)
        except ValueError as error:
            raise ValueError(f"shard {self._shards.path(row)}, clip {row['clip_id']}: {error}") from error

    def _divide(self, wanted: Sequence[Bucket]) -> tuple[pa.StringArray, tuple[Bucket, ...], npt.NDArray[np.int16]]:
        """The id of every kept clip, the buckets that have clips, and the place among those of every clip's own."""
        columns = _SIZE_COLUMNS if wanted else ("bucket",)
        table = self._index.table(["clip_id", *columns], outcome=Outcome.KEPT)
        kinds, kind_of = _kinds([table[name] for name in columns])
        bucket_of_kind = [_bucket(wanted, *kind) for kind in kinds]
        buckets = tuple(sorted({bucket for bucket in bucket_of_kind if bucket is not None}))
        places = [-1 if bucket is None else buckets.index(bucket) for bucket in bucket_of_kind]
        return table["clip_id"].combine_chunks(), buckets, np.array(places, np.int16)[kind_of]

    def _flags(self, column: str, flag: Callable[[pa.Array], pa.Array]) -> npt.NDArray[np.bool_]:
        found = [
            flag(table[column].combine_chunks()).to_numpy(zero_copy_only=False)
            for table in self._index.batches([column], outcome=Outcome.KEPT)
        ]
        return np.concatenate(found)

    def _indices_where(self, flags: npt.NDArray[np.bool_]) -> dict[Bucket, Positions]:
        return {bucket: np.flatnonzero(flags[self._positions[place]]) for bucket, place in self._places.items()}

    def _expect_single_reads(self) -> None:
        """Only shards that do not say where their media stand can be too large to be read clip by clip."""
        table = self._index.table(["shard", "media_lengths"], outcome=Outcome.KEPT)
        is_silent = pc.is_null(table["media_lengths"])
        self._shards.expect_single_reads(pc.unique(table["shard"].filter(is_silent)).to_pylist())

    def _tell_repeated(self) -> None:
        """A clip may stand there twice on purpose, to be shown more often, or by a join gone wrong."""
        rows = sum(map(len, self._ids))
        clips = pc.count_distinct(pa.chunked_array(list(self._ids))).as_py()
        if clips < rows:
            _logger.warning("dataset %s has %d rows of %d clips: some are shown more often", self.dataset, rows, clips)


class ClipsOfBuckets(Sequence[ClipIndex]):
    """Some clips of a store, bucket after bucket."""

    def __init__(self, store: SampleStore, indices: Mapping[Bucket, Positions]) -> None:
        self._store = store
        self._indices = indices

    def __len__(self) -> int:
        return sum(map(len, self._indices.values()))

    @overload
    def __getitem__(self, place: int) -> ClipIndex: ...
    @overload
    def __getitem__(self, place: slice) -> list[ClipIndex]: ...
    def __getitem__(self, place: int | slice) -> ClipIndex | list[ClipIndex]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        for bucket, indices in self._indices.items():
            if 0 <= place < len(indices):
                row = int(indices[place])
                return ClipIndex(self._store.clip_ids(bucket)[row].as_py(), bucket, row)
            place -= len(indices)
        raise IndexError(place)


def _expect_dataset(dataset: Place) -> None:
    if not dataset.exists():
        raise FileNotFoundError(f"dataset {dataset} does not exist; expected what `curate` or `select` wrote")
    if dataset.is_file():
        if dataset.suffix != ".parquet":
            raise ValueError(f"dataset {dataset} is a file, expected one named .parquet, or a directory")
        return
    shards = shard_paths(dataset, Sample)
    found: Iterable[Place] = dataset.iterdir()
    beside = [path for path in found if path.suffix == ".parquet" and path.is_file()]
    if shards and (others := sorted(path.name for path in beside if path not in shards)):
        raise ValueError(
            f"dataset {dataset} has {others[0]} beside its folder samples, and only one of them can be meant; "
            f"name {dataset / others[0]}, or move it elsewhere"
        )


def _kinds(columns: Sequence[pa.ChunkedArray]) -> tuple[list[tuple[Any, ...]], npt.NDArray[np.int64]]:
    """The different rows of some columns, and which of them each row is; there are few."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.combine_chunks()
        if not pa.types.is_dictionary(encoded.type):
            encoded = encoded.dictionary_encode()
        own = encoded.indices.to_numpy(zero_copy_only=False)
        _, codes = np.unique(codes * max(len(encoded.dictionary), 1) + own, return_inverse=True)
    _, firsts = np.unique(codes, return_index=True)
    return list(zip(*(column.take(firsts).to_pylist() for column in columns), strict=True)), codes


def _bucket(wanted: Sequence[Bucket], *kind: Any) -> Bucket | None:
    """The bucket of a clip: by its size where some are wanted, or the one it was curated for."""
    if not wanted:
        return Bucket.parse(kind[0])
    num_frames, fps, height, width = kind
    duration_s = float(num_frames) / float(fps or math.nan)
    if not math.isfinite(duration_s):
        raise ValueError(f"a clip has {num_frames} frames at {fps:g} fps, expected positive numbers")
    return largest_bucket(wanted, duration_s=duration_s, height=height, width=width)


def _sorted_by_id(
    ids: pa.StringArray, bucket_of: npt.NDArray[np.int16], buckets: int
) -> tuple[list[Positions], list[pa.StringArray]]:
    """Of each bucket the positions of its clips, by their ids, and the ids: an order that survives new shards."""
    positions, sorted_ids = [], []
    for place in range(buckets):
        found = np.flatnonzero(bucket_of == place)
        own = ids.take(pa.array(found))
        order = pc.sort_indices(own)
        positions.append(found[order.to_numpy()])
        sorted_ids.append(own.take(order))
    return positions, sorted_ids


def _has_several_subjects(entities: pa.ListArray) -> pa.Array:
    references = pc.list_value_length(pc.struct_field(pc.list_flatten(entities), "faces"))
    has_pictures = np.asarray(references.to_numpy(zero_copy_only=False) > 0)
    rows = pc.list_parent_indices(entities).to_numpy()
    return pa.array(np.bincount(rows, weights=has_pictures, minlength=len(entities)) > 1)


def _pictured(entities: Sequence[NamedEntity], images: Sequence[Payload]) -> tuple[PicturedEntity, ...]:
    """The entities with their images, which come in the same order."""
    rest = iter(images)
    return tuple(
        PicturedEntity(
            word=each.word,
            kind=each.kind,
            start=each.start,
            end=each.end,
            images=tuple(next(rest) for _ in range(each.references)),
        )
        for each in entities
    )
