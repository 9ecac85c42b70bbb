"""Random access to the clips of a curated dataset: any row by its bucket and index, one row group read at a time."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dataset_schema import (
    SAMPLES_SCHEMA,
    Bucket,
    Payload,
    Sample,
    from_rows,
    largest_bucket,
)
from dataset_schema.rows import Row
from modeling.data.captions import CAPTION_LEAVES, CaptionedClip, captioned
from modeling.data.sample_shards import SampleShards

_logger = logging.getLogger(__name__)

# The last two are leaves, so that the pictures beside them are not read.
_INDEXED: Final = [
    "clip_id",
    "bucket",
    "num_frames",
    "fps",
    "height",
    "width",
    "entities.references.is_face",
    "background.frame_index",
]

# A clip without one of these cannot be found; a row of another table has them null.
_NEEDED: Final = ("clip_id", "bucket", "num_frames", "fps", "height", "width", "entities")

# What stands in a sample for columns that were not read.
_NO_VIDEO: Final[Row] = {"video": {"bytes": None, "path": "(not read)"}}
_NO_REFERENCES: Final[Row] = {"entities": (), "background": None}


class ClipIndex(NamedTuple):
    """A clip, and what `SampleStore` finds it by: `row` is its index in the bucket."""

    clip_id: str
    bucket: Bucket
    row: int


class _Place(NamedTuple):
    """Where one row lies, and what it has; sorted by clip, so that the order survives a new division into shards."""

    clip_id: str
    shard: int
    group: int
    row: int
    has_several_subjects: bool
    has_background: bool


class SampleStore:
    """The samples of a dataset by bucket.

    Args:
        dataset: what `curate` or `select` wrote; or a selection by another tool, one Parquet file or a folder of them.
        buckets: every clip goes to the largest of these that it fills, and is left out if it fills none; without any,
            to the one it was curated for.

    Attributes:
        root: the directory that relative paths start from, and that holds the cache.

    Raises:
        FileNotFoundError: there is no dataset.
        ValueError: the dataset has no samples, or a shard is unreadable, of another schema version, or made so that no
            clip of it can be read alone.
    """

    def __init__(self, dataset: Path, buckets: Sequence[Bucket] = ()) -> None:
        self.dataset = dataset
        self._buckets = buckets
        self._shards = SampleShards(dataset)
        self.root = self._shards.root
        self._places = self._index()
        if not self._places:
            wanted = f" that fill {' or '.join(map(str, buckets))}" if buckets else ""
            raise ValueError(
                f"dataset {dataset} has no samples{wanted}, expected samples/*.parquet with at least one such row; "
                "look at its rejections and failures, or curate more videos"
            )
        self._tell_repeated()

    def clips_per_bucket(self) -> Mapping[Bucket, int]:
        """How many clips each bucket has; buckets without any are not listed."""
        return {bucket: len(places) for bucket, places in self._places.items()}

    def clip_ids(self, bucket: Bucket) -> list[str]:
        """The clips of a bucket, in the order of `read`."""
        return [place.clip_id for place in self._places[bucket]]

    def multi_subject_clips(self) -> Mapping[Bucket, Sequence[int]]:
        """Of each bucket, the indices of clips with reference images of two entities or more.

        Our choice: objects count like subjects, because A.3 draws from both alike.
        """
        return {
            bucket: [index for index, place in enumerate(places) if place.has_several_subjects]
            for bucket, places in self._places.items()
        }

    def clips_with_background(self) -> list[ClipIndex]:
        """All clips that have a background image."""
        return [
            ClipIndex(place.clip_id, bucket, index)
            for bucket, places in self._places.items()
            for index, place in enumerate(places)
            if place.has_background
        ]

    def read_background(self, bucket: Bucket, index: int) -> Payload:
        """The background image of one of `clips_with_background`; nothing else of the clip is read.

        Raises:
            ValueError: the shard is damaged.
        """
        place = self._places[bucket][index]
        row = self._shards.read_row(place.shard, place.group, place.row, ["background.image"])
        return Payload(**row["background"]["image"])

    def read(self, bucket: Bucket, index: int, *, with_video: bool = True, with_references: bool = True) -> Sample:
        """The sample at `index` among those of `bucket`, in the order of their ids. Any thread may ask.

        Args:
            bucket: one of `clips_per_bucket`.
            index: from 0 on.
            with_video: otherwise the sample's video is a path that does not exist.
            with_references: otherwise the sample has no entities and no background.

        Raises:
            ValueError: the shard is damaged, or the row contradicts itself.
        """
        place = self._places[bucket][index]
        left_out = {**({} if with_video else _NO_VIDEO), **({} if with_references else _NO_REFERENCES)}
        columns = [name for name in SAMPLES_SCHEMA.names if name not in left_out]
        row = self._shards.read_row(place.shard, place.group, place.row, columns)
        try:
            return next(from_rows([{**row, **left_out}], Sample))
        except ValueError as error:
            where = self._shards.paths[place.shard]
            raise ValueError(f"shard {where}: {error}; curate its source again") from error

    def content(self, payload: Payload) -> bytes | Path:
        """A payload's bytes, or where they lie; a relative path is relative to the root.

        Raises:
            ValueError: the path is a URL.
        """
        if payload.bytes is not None:
            return payload.bytes
        if "://" in str(payload.path):
            raise ValueError(f"{payload.path} is not a local file; mount or copy it, or publish videos into the shards")
        return self.root / str(payload.path)

    def captions(self) -> Iterator[CaptionedClip]:
        """What is said of every clip, in the order of the shards; no picture and no video is read.

        Raises:
            ValueError: a row says nothing, or a shard is damaged.
        """
        buckets = {
            (place.shard, place.group, place.row): bucket for bucket, places in self._places.items() for place in places
        }
        for shard, group, rows in self._shards.row_groups(CAPTION_LEAVES):
            for number, row in enumerate(rows):
                if (shard, group, number) not in buckets:
                    continue
                try:
                    yield captioned(row, buckets[shard, group, number])
                except ValueError as error:
                    where = f"shard {self._shards.paths[shard]}, clip {row['clip_id']}"
                    raise ValueError(f"{where}: {error}") from error

    def _index(self) -> dict[Bucket, list[_Place]]:
        places: defaultdict[Bucket, list[_Place]] = defaultdict(list)
        for shard, group, rows in self._shards.row_groups(_INDEXED):
            for number, clip in enumerate(rows):
                try:
                    bucket = self._bucket(clip)
                except ValueError as error:
                    where = f"shard {self._shards.paths[shard]}, row {number} of row group {group}"
                    raise ValueError(f"{where}: {error}") from error
                if bucket is not None:
                    places[bucket].append(_place(clip, shard, group, number))
        return {bucket: sorted(found) for bucket, found in sorted(places.items())}

    def _bucket(self, clip: Row) -> Bucket | None:
        if missing := [name for name in _NEEDED if clip.get(name) is None]:
            raise ValueError(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} null, expected the row of a kept clip; "
                "leave out rows of other tables"
            )
        if not self._buckets:
            return Bucket.parse(clip["bucket"])
        duration_s = float(clip["num_frames"]) / float(clip["fps"] or math.nan)
        if not math.isfinite(duration_s):
            raise ValueError(f"{clip['num_frames']} frames at {clip['fps']} fps, expected positive numbers")
        return largest_bucket(self._buckets, duration_s=duration_s, height=clip["height"], width=clip["width"])

    def _tell_repeated(self) -> None:
        """A clip may stand there twice on purpose, to be shown more often, or by a join gone wrong."""
        rows = sum(map(len, self._places.values()))
        clips = len({place.clip_id for places in self._places.values() for place in places})
        if clips < rows:
            _logger.warning("dataset %s has %d rows of %d clips: some are shown more often", self.dataset, rows, clips)


def _place(clip: Row, shard: int, group: int, row: int) -> _Place:
    return _Place(
        clip["clip_id"],
        shard,
        group,
        row,
        has_several_subjects=sum(bool(entity.get("references")) for entity in clip["entities"]) > 1,
        has_background=clip.get("background") is not None,  # a column without any value has no leaves
    )
