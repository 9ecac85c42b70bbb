"""The contract between curation and modeling: what one published clip is, and how it lies on disk.

`records.py` holds the frozen records, `arrow.py` their Arrow schema, `shard.py` one atomic writer and one reader,
`layout.py` how rows lie in a file, `media_places.py` where in it their media stand, `manifest.py` the file that
describes a dataset, `buckets.py` the sizes of Table 6, `words.py` where a word stands in a caption or a
prompt, `index/` one row for every clip of a dataset, without its pictures and its video.
"""

from dataset_schema.arrow import FAILURES_SCHEMA, REJECTIONS_SCHEMA, SAMPLES_SCHEMA
from dataset_schema.buckets import FRAMES_PER_SECOND, TABLE_6_BUCKETS, Bucket, largest_bucket, shortest_duration_s
from dataset_schema.index import INDEX_SCHEMA, Index, Outcome, open_index, refresh_index
from dataset_schema.manifest import (
    Annotator,
    DatasetManifest,
    FunnelRow,
    Selection,
    is_dataset,
    new_dataset_id,
    read_manifest,
    write_manifest,
)
from dataset_schema.media_places import MediaPlaces, media_places
from dataset_schema.place import expect_directory
from dataset_schema.records import (
    CORE_SCORES,
    SHARE_SCORES,
    Background,
    Box,
    Entity,
    EntityKind,
    FailedClip,
    FailureKind,
    MediaFacts,
    Payload,
    Reason,
    ReferenceImage,
    ReferenceScores,
    RejectedClip,
    Sample,
    Scores,
    Source,
)
from dataset_schema.shard import (
    TABLES,
    dataset_root,
    from_rows,
    leaves,
    open_shard,
    read_shard,
    shard_paths,
    write_row_groups,
    write_shard,
)
from dataset_schema.version import SCHEMA_VERSION, SchemaVersion

__all__ = [
    "CORE_SCORES",
    "FAILURES_SCHEMA",
    "FRAMES_PER_SECOND",
    "INDEX_SCHEMA",
    "REJECTIONS_SCHEMA",
    "SAMPLES_SCHEMA",
    "SCHEMA_VERSION",
    "SHARE_SCORES",
    "TABLES",
    "TABLE_6_BUCKETS",
    "Annotator",
    "Background",
    "Box",
    "Bucket",
    "DatasetManifest",
    "Entity",
    "EntityKind",
    "FailedClip",
    "FailureKind",
    "FunnelRow",
    "Index",
    "MediaFacts",
    "MediaPlaces",
    "Outcome",
    "Payload",
    "Reason",
    "ReferenceImage",
    "ReferenceScores",
    "RejectedClip",
    "Sample",
    "SchemaVersion",
    "Scores",
    "Selection",
    "Source",
    "dataset_root",
    "expect_directory",
    "from_rows",
    "is_dataset",
    "largest_bucket",
    "leaves",
    "media_places",
    "new_dataset_id",
    "open_index",
    "open_shard",
    "read_manifest",
    "read_shard",
    "refresh_index",
    "shard_paths",
    "shortest_duration_s",
    "write_manifest",
    "write_row_groups",
    "write_shard",
]
