"""Random access to the clips of a curated dataset: any row by its bucket and index, one row group read at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow.parquet as pq

from dataset_schema import (
    SAMPLES_SCHEMA,
    Bucket,
    Payload,
    Sample,
    from_rows,
    largest_bucket,
    leaves,
    open_shard,
    shard_paths,
)
from dataset_schema.rows import Row
from modeling.data.row_groups import RowGroupReader

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
        dataset: output directory of a curation run.
        buckets: every clip goes to the largest of these that it fills, and is left out if it fills none; without any,
            to the one it was curated for.

    Raises:
        ValueError: the dataset has no samples, or a shard is unreadable or of another schema version.
    """

    def __init__(self, dataset: Path, buckets: Sequence[Bucket] = ()) -> None:
        self.dataset = dataset
        self._buckets = buckets
        self._shards = shard_paths(dataset, Sample)
        self._places = self._index()
        if not self._places:
            wanted = f" that fill {' or '.join(map(str, buckets))}" if buckets else ""
            raise ValueError(
                f"dataset {dataset} has no samples{wanted}, expected samples/*.parquet with at least one such row; "
                "look at its rejections and failures, or curate more videos"
            )
        self._groups = RowGroupReader(self._shards, _opened, advice="delete it and curate again to redo its clips")

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
        (row,) = self._groups.read(place.shard, place.group, ["background.image"]).slice(place.row, 1).to_pylist()
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
        (row,) = self._groups.read(place.shard, place.group, columns).slice(place.row, 1).to_pylist()
        try:
            return next(from_rows([{**row, **left_out}], Sample))
        except ValueError as error:
            raise ValueError(f"shard {self._shards[place.shard]}: {error}; curate its source again") from error

    def content(self, payload: Payload) -> bytes | Path:
        """A payload's bytes, or where they lie; a relative path is relative to the dataset.

        Raises:
            ValueError: the path is a URL.
        """
        if payload.bytes is not None:
            return payload.bytes
        if "://" in str(payload.path):
            raise ValueError(f"{payload.path} is not a local file; mount or copy it, or publish videos into the shards")
        return self.dataset / str(payload.path)

    def _index(self) -> dict[Bucket, list[_Place]]:
        places: defaultdict[Bucket, list[_Place]] = defaultdict(list)
        for number, path in enumerate(self._shards):
            with _opened(path) as shard:
                columns = leaves(shard, _INDEXED)
                for group in range(shard.num_row_groups):
                    for row, clip in enumerate(shard.read_row_group(group, columns=columns).to_pylist()):
                        bucket = self._bucket(clip)
                        if bucket is not None:
                            places[bucket].append(_place(clip, number, group, row))
        return {bucket: sorted(found) for bucket, found in sorted(places.items())}

    def _bucket(self, clip: Row) -> Bucket | None:
        if not self._buckets:
            return Bucket.parse(clip["bucket"])
        duration_s = clip["num_frames"] / clip["fps"]
        return largest_bucket(self._buckets, duration_s=duration_s, height=clip["height"], width=clip["width"])


def _opened(path: Path) -> AbstractContextManager[pq.ParquetFile]:
    return open_shard(path, Sample)


def _place(clip: Row, shard: int, group: int, row: int) -> _Place:
    return _Place(
        clip["clip_id"],
        shard,
        group,
        row,
        has_several_subjects=sum(bool(entity["references"]) for entity in clip["entities"]) > 1,
        has_background=clip["background"] is not None,
    )
