"""Random access to the clips of a curated dataset: any row by its bucket and index, one row group read at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from dataset_schema import Bucket, Sample, largest_bucket, shard_paths
from dataset_schema.arrow import Row
from dataset_schema.shard import from_rows, open_shard

# A row group holds 16 clips with their videos; neighbours of one are seldom wanted soon, but small datasets fit whole.
_GROUPS_IN_MEMORY = 8

_INDEXED = ["clip_id", "bucket", "num_frames", "fps", "height", "width"]


class _Place(NamedTuple):
    """Where one row lies; sorted by clip, so that the order survives a new division into shards."""

    clip_id: str
    shard: int
    group: int
    row: int


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
        self._read_group = lru_cache(maxsize=_GROUPS_IN_MEMORY)(self._load_group)

    def clips_per_bucket(self) -> Mapping[Bucket, int]:
        """How many clips each bucket has; buckets without any are not listed."""
        return {bucket: len(places) for bucket, places in self._places.items()}

    def read(self, bucket: Bucket, index: int) -> Sample:
        """The sample at `index` among those of `bucket`, in the order of their ids."""
        place = self._places[bucket][index]
        rows = self._read_group(place.shard, place.group).slice(place.row, 1).to_pylist()
        return next(from_rows(rows, Sample))

    def _index(self) -> dict[Bucket, list[_Place]]:
        places: defaultdict[Bucket, list[_Place]] = defaultdict(list)
        for number, path in enumerate(self._shards):
            with open_shard(path) as shard:
                for group in range(shard.num_row_groups):
                    for row, clip in enumerate(shard.read_row_group(group, columns=_INDEXED).to_pylist()):
                        bucket = self._bucket(clip)
                        if bucket is not None:
                            places[bucket].append(_Place(clip["clip_id"], number, group, row))
        return {bucket: sorted(found) for bucket, found in sorted(places.items())}

    def _bucket(self, clip: Row) -> Bucket | None:
        if not self._buckets:
            return Bucket.parse(clip["bucket"])
        duration_s = clip["num_frames"] / clip["fps"]
        return largest_bucket(self._buckets, duration_s=duration_s, height=clip["height"], width=clip["width"])

    def _load_group(self, shard: int, group: int) -> pa.Table:
        with open_shard(self._shards[shard]) as file:
            return file.read_row_group(group)
