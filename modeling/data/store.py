"""Random access to the clips of a dataset by bucket and index: text from the index, media by their byte ranges."""

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataset_schema import FRAMES_PER_SECOND, Bucket, Outcome, Payload, Sample, dataset_root, open_index, shard_paths
from dataset_schema.rows import Row
from modeling.data.captions import CAPTION_COLUMNS, CaptionedClip, NamedEntity, captioned
from modeling.data.prefetch import BoundedMemory
from modeling.data.range_cache import RangeCacheConfig
from modeling.data.sample_shards import PLACE_COLUMNS, SampleShards
from modeling.data.training_sample import PicturedEntity, TrainingSample
from storage.address import Address, Place, place_beside
from storage.places import place_of

_logger = logging.getLogger(__name__)

_SIZE_COLUMNS: Final = ("num_frames", "fps", "height", "width")
_TEXT_COLUMNS: Final = tuple(dict.fromkeys((*CAPTION_COLUMNS, *PLACE_COLUMNS)))

# Bytes of an id that sort it first.
_HEAD: Final = 8

# Our choice: the texts of some hundred thousand clips; one that is not among them costs some milliseconds.
_TEXT_BYTES: Final = 2**27

# In a store of objects it costs some requests, for its whole row group: there the texts of some million clips stay.
_FETCHED_TEXT_BYTES: Final = 2**31

Positions = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint32]


class NumberedClip(NamedTuple):
    """A clip, and its number among all clips of a store, whatever their buckets."""

    clip_id: str
    number: int


class SampleStore:
    """The samples of a dataset by bucket; a clip is in every bucket that it fills.

    So each bucket shows all that fits it, and the steps that Table 6 gives to short and small ones do not go to the few
    clips that are too short or too small for anything else.

    In memory stand the clips' ids and positions; what is said of a clip is read from the index when it is asked for.

    Args:
        dataset: what `curate` or `select` wrote; or a selection by another tool, one Parquet file or a folder of them.
        buckets: the sizes to train at; a clip that fills none is left out. Without any, those that the clips were
            curated for.
        range_cache: where the media of a dataset in a store of objects are kept.
        fps: frames per second at which clips are seen, and must fill a bucket.

    Attributes:
        root: the directory that relative paths start from, and that holds the cache of latents.

    Raises:
        FileNotFoundError: there is no dataset.
        ValueError: the dataset has no samples, or a shard is unreadable, of another schema version, or made so that no
            clip of it can be read alone.
    """

    def __init__(
        self,
        dataset: Place | str,
        buckets: Sequence[Bucket] = (),
        *,
        range_cache: RangeCacheConfig | None = None,
        fps: float = FRAMES_PER_SECOND,
    ) -> None:
        self.fps = fps
        self.dataset = dataset = place_of(dataset)
        _expect_dataset(dataset)
        self.root = dataset_root(dataset)
        self._index = open_index(dataset)
        self._shards = SampleShards(self._index, (range_cache or RangeCacheConfig()).open())
        ids, durations_s, self._fills = self._divide(buckets)
        self._positions, self._ids = _sorted_by_id(ids, self._fills.values())
        self._is_member: npt.NDArray[np.bool_] | None = None  # all of them
        self._durations_s = durations_s[self._positions].astype(np.float32)
        self._numbers = {
            bucket: np.flatnonzero(fills[self._positions]).astype(np.uint32) for bucket, fills in self._fills.items()
        }
        if not self._fills:
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

    def __len__(self) -> int:
        """How many clips fill any bucket."""
        return len(self._ids) if self._is_member is None else int(self._is_member.sum())

    def only(self, is_member: npt.NDArray[np.bool_]) -> "SampleStore":
        """The same dataset, of which only some clips are seen; each keeps its number.

        Args:
            is_member: of the clips, by number.
        """
        part = copy.copy(self)
        part._is_member = is_member
        own = {bucket: numbers[is_member[numbers]] for bucket, numbers in self._numbers.items()}
        part._numbers = {bucket: numbers for bucket, numbers in own.items() if len(numbers)}
        part._fills = {}
        for bucket, numbers in part._numbers.items():
            part._fills[bucket] = np.zeros_like(self._fills[bucket])
            part._fills[bucket][self._positions[numbers]] = True
        return part

    def clips_per_bucket(self) -> Mapping[Bucket, int]:
        """How many clips each bucket has; buckets without any are not listed."""
        return {bucket: len(numbers) for bucket, numbers in self._numbers.items()}

    def clip_ids(self, bucket: Bucket) -> pa.StringArray:
        """The clips of a bucket, in the order of `read`."""
        return self._ids.take(pa.array(self._numbers[bucket]))

    def all_clip_ids(self) -> pa.StringArray:
        """The clips that fill any bucket, by number."""
        return self._ids

    def source_videos(self) -> pa.DictionaryArray:
        """The video that each clip comes from, by number; of a clip whose video the dataset does not name, its id."""
        table = self._index.table(["source_uri"], outcome=Outcome.KEPT)
        videos = table["source_uri"].combine_chunks().take(pa.array(self._positions))
        is_named = pc.greater(pc.binary_length(videos), 0)
        return pc.if_else(pc.fill_null(is_named, False), videos, self._ids).dictionary_encode()

    def numbers(self, bucket: Bucket) -> Numbers:
        """The number of every clip of a bucket among those of all buckets, in the order of `read`."""
        return self._numbers[bucket]

    def durations_s(self, bucket: Bucket) -> npt.NDArray[np.float32]:
        """How long the clips of a bucket last, in the order of `read`."""
        return self._durations_s[self._numbers[bucket]]

    def clip_id(self, bucket: Bucket, index: int) -> str:
        """The clip that `read` gives."""
        return str(self._ids[int(self._numbers[bucket][index])].as_py())

    def duration_s(self, bucket: Bucket, index: int) -> float:
        """How long a clip lasts."""
        return float(self._durations_s[self._numbers[bucket][index]])

    def multi_subject_clips(self) -> Mapping[Bucket, Positions]:
        """Of each bucket, the indices of clips with reference images of two entities or more.

        Our choice: objects count like subjects, because A.3 draws from both alike.
        """
        has_several = self._flags("entities", _has_several_subjects)
        return {bucket: np.flatnonzero(has_several[numbers]) for bucket, numbers in self._numbers.items()}

    def clips_with_background(self) -> "ClipsByNumber":
        """All clips that have a background image."""
        has_background = self._flags("has_background", lambda column: column)
        if self._is_member is not None:
            has_background &= self._is_member
        return ClipsByNumber(self._ids, np.flatnonzero(has_background))

    def read_background(self, number: int) -> Payload:
        """The background image of one of `clips_with_background`; nothing else of the clip is read.

        Raises:
            ValueError: the shard is damaged.
        """
        return self._shards.read_background(self._row(number))

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
        row = self._row(int(self._numbers[bucket][index]))
        said = self._captioned(row, (bucket,))
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
            fills = {bucket: own[position : position + len(table)] for bucket, own in self._fills.items()}
            position += len(table)
            for number, row in enumerate(table.to_pylist()):
                if buckets := tuple(bucket for bucket, own in fills.items() if own[number]):
                    yield self._captioned(row, buckets)

    def _row(self, number: int) -> Row:
        position = int(self._positions[number])
        rows = self._index.group_at(position)
        (row,) = self._texts.get(rows).slice(position - rows.start, 1).to_pylist()
        return dict(row)

    def _captioned(self, row: Row, buckets: tuple[Bucket, ...]) -> CaptionedClip:
        try:
            return captioned(row, buckets)
        except ValueError as error:
            raise ValueError(f"shard {self._shards.path(row)}, clip {row['clip_id']}: {error}") from error

    def _divide(
        self, wanted: Sequence[Bucket]
    ) -> tuple[pa.StringArray, npt.NDArray[np.float64], dict[Bucket, npt.NDArray[np.bool_]]]:
        """Ids and durations of all kept clips; and of every bucket that has any, in rising order, which fill it."""
        table = self._index.table(["clip_id", "bucket", *_SIZE_COLUMNS], outcome=Outcome.KEPT)
        num_frames, fps, height, width = (table[name].to_numpy() for name in _SIZE_COLUMNS)
        duration_s = _durations_s(num_frames, fps)
        curated = table["bucket"].combine_chunks()
        names = curated.dictionary.to_pylist()
        codes = curated.indices.to_numpy(zero_copy_only=False)
        found: dict[Bucket, npt.NDArray[np.bool_]] = {}
        for bucket in sorted(set(wanted) or set(map(Bucket.parse, names))):
            fills = (
                (duration_s >= bucket.least_duration_at(self.fps)) & (height >= bucket.height) & (width >= bucket.width)
            )
            if str(bucket) in names and self.fps == FRAMES_PER_SECOND:  # curation has looked at the frames themselves
                fills |= codes == names.index(str(bucket))
            if fills.any():
                found[bucket] = fills
        return table["clip_id"].combine_chunks(), duration_s, found

    def _flags(self, column: str, flag: Callable[[pa.Array], pa.Array]) -> npt.NDArray[np.bool_]:
        """A flag of every clip, by number."""
        found = [
            flag(table[column].combine_chunks()).to_numpy(zero_copy_only=False)
            for table in self._index.batches([column], outcome=Outcome.KEPT)
        ]
        return np.asarray(np.concatenate(found)[self._positions])

    def _expect_single_reads(self) -> None:
        """Only shards that do not say where their media stand can be too large to be read clip by clip."""
        table = self._index.table(["shard", "media_lengths"], outcome=Outcome.KEPT)
        is_silent = pc.is_null(table["media_lengths"])
        self._shards.expect_single_reads(pc.unique(table["shard"].filter(is_silent)).to_pylist())

    def _tell_repeated(self) -> None:
        """A clip may stand there twice on purpose, to be shown more often, or by a join gone wrong."""
        rows = len(self._ids)
        if again := pc.sum(pc.equal(self._ids[1:], self._ids[:-1])).as_py():
            clips = rows - again
            _logger.warning("dataset %s has %d rows of %d clips: some are shown more often", self.dataset, rows, clips)


class ClipsByNumber(Sequence[NumberedClip]):
    """Some clips of a store."""

    def __init__(self, ids: pa.StringArray, numbers: Positions) -> None:
        self._ids = ids
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> NumberedClip: ...
    @overload
    def __getitem__(self, place: slice) -> list[NumberedClip]: ...
    def __getitem__(self, place: int | slice) -> NumberedClip | list[NumberedClip]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        number = int(self._numbers[place])
        return NumberedClip(self._ids[number].as_py(), number)


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


def _durations_s(num_frames: npt.NDArray[np.integer], fps: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        durations_s = np.asarray(num_frames / fps)
    if not (wrong := ~(np.isfinite(durations_s) & (durations_s > 0))).any():
        return durations_s
    first = int(np.argmax(wrong))
    raise ValueError(f"a clip has {num_frames[first]} frames at {fps[first]:g} fps, expected positive numbers")


def _sorted_by_id(ids: pa.StringArray, fills: Iterable[npt.NDArray[np.bool_]]) -> tuple[Positions, pa.StringArray]:
    """The positions of the clips that fill a bucket, by their ids, and the ids: an order that survives new shards."""
    positions = np.flatnonzero(np.logical_or.reduce([np.zeros(len(ids), np.bool_), *fills]))
    own = ids.take(pa.array(positions))
    order = _order(own)
    return positions[order], own.take(pa.array(order))


def _order(ids: pa.StringArray) -> Positions:
    """What sorts the ids: by their first eight bytes, as numbers, and in full where several begin alike.

    Each comparison of two texts waits for memory twice: a million ids take five times as long by those alone.
    """
    begins = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset :][: len(ids) + 1]
    text = np.frombuffer(ids.buffers()[2] or b"", np.uint8)
    heads = np.zeros((len(ids), _HEAD), np.uint8)
    for place in range(_HEAD):
        has_one = begins[:-1] + place < begins[1:]
        heads[has_one, place] = text[begins[:-1][has_one] + place]
    numbers = heads.view(">u8")[:, 0].astype(np.uint64)
    order = np.argsort(numbers)
    alike = numbers[order][1:] == numbers[order][:-1]
    if alike.any():
        several = np.append(alike, False) | np.insert(alike, 0, False)
        order[several] = order[several][pc.sort_indices(ids.take(pa.array(order[several]))).to_numpy()]
    return order


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
