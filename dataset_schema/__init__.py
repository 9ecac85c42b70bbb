"""The contract between curation and modeling: what one published clip is, and how it lies on disk.

`records.py` holds the frozen records, `arrow.py` their Arrow schema, `shard.py` one atomic writer and one reader,
`layout.py` how rows lie in a file, `placed_media.py` where in it their media stand, `byte_ranges.py` reads them there,
`manifest.py` what made a dataset, `replacing.py` how shards take the place of others, `index/` one row for every clip
of a dataset, without its pictures and its video, `buckets.py` the sizes of Table 6, `words.py` where a word stands in a
caption or a prompt.

What reads and writes files is looked up when it is used: a process that decodes or judges clips needs the records
alone, and Arrow loads as long as such a process takes to start.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from dataset_schema.buckets import FRAMES_PER_SECOND, TABLE_6_BUCKETS, Bucket, largest_bucket, shortest_duration_s
from dataset_schema.byte_ranges import ByteRange, read_pieces, read_ranges
from dataset_schema.entities import Background, Box, Entity, EntityKind, ReferenceImage, ReferenceScores, given_picture
from dataset_schema.manifest import (
    UNCURATED,
    Annotator,
    DatasetManifest,
    FunnelRow,
    MergedDataset,
    RunRecord,
    Selection,
    is_dataset,
    new_dataset_id,
    read_manifest,
    write_manifest,
)
from dataset_schema.place import expect_directory
from dataset_schema.records import FailedClip, FailureKind, Reason, RejectedClip, Sample
from dataset_schema.replacement import run_of_shard, shard_name
from dataset_schema.scores import CORE_SCORES, SHARE_SCORES, Scores
from dataset_schema.source import MediaFacts, Payload, Source
from dataset_schema.version import SCHEMA_VERSION, SchemaVersion

if TYPE_CHECKING:
    from dataset_schema.arrow import FAILURES_SCHEMA, REJECTIONS_SCHEMA, SAMPLES_SCHEMA, Kind
    from dataset_schema.index import INDEX_SCHEMA, Index, Outcome, open_index, refresh_index
    from dataset_schema.placed_media import MediaPlaces, media_places
    from dataset_schema.replacing import (
        WHOLE_RUN,
        begin_replacement,
        begin_whole,
        clean_up_replacement,
        commit_replacement,
        is_begun_whole,
    )
    from dataset_schema.shard import (
        INDEX_FOLDER,
        TABLES,
        dataset_root,
        expect_samples,
        from_rows,
        leaf_paths,
        leaves,
        leaves_without,
        open_shard,
        read_shard,
        read_tables,
        shard_paths,
        shard_version,
        sized_shards,
        to_table,
        write_row_groups,
        write_shard,
        write_shard_of_tables,
    )

_HOMES: Final = {
    "FAILURES_SCHEMA": "arrow",
    "INDEX_FOLDER": "shard",
    "INDEX_SCHEMA": "index",
    "REJECTIONS_SCHEMA": "arrow",
    "SAMPLES_SCHEMA": "arrow",
    "TABLES": "shard",
    "WHOLE_RUN": "replacing",
    "Index": "index",
    "Kind": "arrow",
    "MediaPlaces": "placed_media",
    "Outcome": "index",
    "begin_replacement": "replacing",
    "begin_whole": "replacing",
    "clean_up_replacement": "replacing",
    "commit_replacement": "replacing",
    "dataset_root": "shard",
    "expect_samples": "shard",
    "from_rows": "shard",
    "is_begun_whole": "replacing",
    "leaf_paths": "shard",
    "leaves": "shard",
    "leaves_without": "shard",
    "media_places": "placed_media",
    "open_index": "index",
    "open_shard": "shard",
    "read_shard": "shard",
    "read_tables": "shard",
    "refresh_index": "index",
    "shard_paths": "shard",
    "shard_version": "shard",
    "sized_shards": "shard",
    "to_table": "shard",
    "write_row_groups": "shard",
    "write_shard": "shard",
    "write_shard_of_tables": "shard",
}

__all__ = [
    "CORE_SCORES",
    "FAILURES_SCHEMA",
    "FRAMES_PER_SECOND",
    "INDEX_FOLDER",
    "INDEX_SCHEMA",
    "REJECTIONS_SCHEMA",
    "SAMPLES_SCHEMA",
    "SCHEMA_VERSION",
    "SHARE_SCORES",
    "TABLES",
    "TABLE_6_BUCKETS",
    "UNCURATED",
    "WHOLE_RUN",
    "Annotator",
    "Background",
    "Box",
    "Bucket",
    "ByteRange",
    "DatasetManifest",
    "Entity",
    "EntityKind",
    "FailedClip",
    "FailureKind",
    "FunnelRow",
    "Index",
    "Kind",
    "MediaFacts",
    "MediaPlaces",
    "MergedDataset",
    "Outcome",
    "Payload",
    "Reason",
    "ReferenceImage",
    "ReferenceScores",
    "RejectedClip",
    "RunRecord",
    "Sample",
    "SchemaVersion",
    "Scores",
    "Selection",
    "Source",
    "begin_replacement",
    "begin_whole",
    "clean_up_replacement",
    "commit_replacement",
    "dataset_root",
    "expect_directory",
    "expect_samples",
    "from_rows",
    "given_picture",
    "is_begun_whole",
    "is_dataset",
    "largest_bucket",
    "leaf_paths",
    "leaves",
    "leaves_without",
    "media_places",
    "new_dataset_id",
    "open_index",
    "open_shard",
    "read_manifest",
    "read_pieces",
    "read_ranges",
    "read_shard",
    "read_tables",
    "refresh_index",
    "run_of_shard",
    "shard_name",
    "shard_paths",
    "shard_version",
    "shortest_duration_s",
    "sized_shards",
    "to_table",
    "write_manifest",
    "write_row_groups",
    "write_shard",
    "write_shard_of_tables",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
