"""What a row of the index holds; a value that does not apply to a clip's outcome is null."""

from dataclasses import fields
from enum import StrEnum
from typing import Final

import pyarrow as pa

from dataset_schema.arrow import Kind
from dataset_schema.records import FailedClip, RejectedClip, Sample
from dataset_schema.scores import CORE_SCORES, Scores

# Of what a row means: an index of another version is built anew.
INDEX_VERSION: Final = 2


class Outcome(StrEnum):
    """What became of a clip: which of the three tables holds it."""

    KEPT = "kept"
    REJECTED = "rejected"
    FAILED = "failed"


OUTCOMES: Final[dict[Kind, Outcome]] = {
    Sample: Outcome.KEPT,
    RejectedClip: Outcome.REJECTED,
    FailedClip: Outcome.FAILED,
}

# In the order of the record.
SCORE_NAMES: Final = tuple(each.name for each in fields(Scores) if each.name in CORE_SCORES)

# Few values, many rows: in memory a number each.
_FEW_VALUES: Final = pa.dictionary(pa.int32(), pa.string())

_ENTITY: Final = pa.struct(
    [
        pa.field("word", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("start", pa.int32()),
        pa.field("end", pa.int32()),
        pa.field("same_as", pa.string()),
        pa.field("faces", pa.list_(pa.bool_())),  # one for each reference image, in order
    ]
)

INDEX_SCHEMA: Final = pa.schema(
    [
        pa.field("clip_id", pa.string()),
        pa.field("outcome", _FEW_VALUES),
        # Of the first reason of a rejection; of a failure, with its kind as the reason.
        pa.field("stage", _FEW_VALUES),
        pa.field("reason", _FEW_VALUES),
        pa.field("detail", pa.string()),
        pa.field("source_id", pa.string()),
        pa.field("source_uri", pa.string()),
        pa.field("source_start_s", pa.float64()),
        pa.field("source_end_s", pa.float64()),
        pa.field("num_clips", pa.int32()),  # of the source
        pa.field("licence", pa.string()),
        pa.field("consent", pa.string()),
        pa.field("rights_holder", pa.string()),
        pa.field("content_sha256", pa.string()),
        pa.field("perceptual_hash", pa.string()),
        pa.field("caption", pa.string()),
        pa.field("subjects", pa.list_(pa.string())),
        pa.field("objects", pa.list_(pa.string())),
        pa.field("backgrounds", pa.list_(pa.string())),
        pa.field("num_references", pa.int32()),
        pa.field("num_faces", pa.int32()),
        pa.field("has_background", pa.bool_()),
        pa.field("bucket", _FEW_VALUES),
        # Of the published video; of a rejected clip, as decoded.
        pa.field("num_frames", pa.int32()),
        pa.field("fps", pa.float64()),
        pa.field("height", pa.int32()),
        pa.field("width", pa.int32()),
        pa.field("duration_s", pa.float64()),
        *(pa.field(name, pa.float64()) for name in SCORE_NAMES),
        pa.field("more", pa.list_(pa.struct([pa.field("name", pa.string()), pa.field("value", pa.float64())]))),
        pa.field("shard", _FEW_VALUES),  # below the dataset, such as samples/part-0001-000-00000.parquet
        pa.field("row", pa.int32()),  # in the shard
        pa.field("video_path", pa.string()),
        pa.field("video_start_s", pa.float64()),
        # Of every payload, as `media_places` orders them: where its bytes lie in the shard; null where it has none.
        pa.field("media_offsets", pa.list_(pa.int64())),
        pa.field("media_lengths", pa.list_(pa.int64())),
        pa.field("entities", pa.list_(_ENTITY)),
    ]
)
