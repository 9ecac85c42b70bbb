"""The Arrow schemas of the three tables, and the way from records to rows and back.

The schema metadata follows the convention of the `datasets` library (key `huggingface`), so that
`datasets.load_dataset("parquet", ...)` shows pictures and videos; pandas, DuckDB and pyarrow need nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, NamedTuple, TypeAlias

import pyarrow as pa

from dataset_schema.records import (
    SCHEMA_VERSION,
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
    RejectedClip,
    Sample,
    Scores,
    Source,
)

Row: TypeAlias = dict[str, Any]

VERSION_KEY: Final = b"openalchemist_schema_version"


class _Column(NamedTuple):
    """One column: its Arrow type, and the feature that tells `datasets` how to show it."""

    arrow: pa.DataType
    feature: Any


def _value(arrow: pa.DataType, dtype: str) -> _Column:
    return _Column(arrow, {"dtype": dtype, "_type": "Value"})


def _struct(columns: Mapping[str, _Column]) -> _Column:
    fields = [pa.field(name, column.arrow) for name, column in columns.items()]
    return _Column(pa.struct(fields), {name: column.feature for name, column in columns.items()})


def _list(item: _Column) -> _Column:
    return _Column(pa.list_(item.arrow), {"feature": item.feature, "_type": "List"})


_TEXT = _value(pa.string(), "string")
_INTEGER = _value(pa.int32(), "int32")
_REAL = _value(pa.float64(), "float64")
_FLAG = _value(pa.bool_(), "bool")
_BYTES_OR_PATH = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
_IMAGE = _Column(_BYTES_OR_PATH, {"_type": "Image"})
_VIDEO = _Column(_BYTES_OR_PATH, {"_type": "Video"})

_SOURCE = _struct({"id": _TEXT, "uri": _TEXT, "start_s": _REAL, "end_s": _REAL, "num_clips": _INTEGER})
_BOX = _struct({"x0": _REAL, "y0": _REAL, "x1": _REAL, "y1": _REAL})
_REASON = _struct({"stage": _TEXT, "reason": _TEXT, "detail": _TEXT})
_SCORES = _struct(dict.fromkeys(Scores.__dataclass_fields__, _REAL))
_MEDIA = _struct(
    {
        "container": _TEXT,
        "codec": _TEXT,
        "width": _INTEGER,
        "height": _INTEGER,
        "declared_frames": _INTEGER,
        "decoded_frames": _INTEGER,
        "duration_s": _REAL,
        "fps": _REAL,
        "is_vfr": _FLAG,
        "rotation_deg": _INTEGER,
        "sample_aspect_ratio": _REAL,
        "color_transfer": _TEXT,
        "is_interlaced": _FLAG,
        "has_audio": _FLAG,
        "damage": _TEXT,
    }
)
_REFERENCE = _struct(
    {
        "frame_index": _INTEGER,
        "time_s": _REAL,
        "box": _BOX,
        "detection_score": _REAL,
        "mask_score": _REAL,
        "area": _REAL,
        "sharpness": _REAL,
        "largest_fragment": _REAL,
        "solidity": _REAL,
        "fill": _REAL,
        "border_contact": _REAL,
        "overlap": _REAL,
        "agreement": _REAL,
        "likeness_to_clip": _REAL,
        "is_face": _FLAG,
        "image": _IMAGE,
    }
)
_ENTITY = _struct(
    {
        "word": _TEXT,
        "kind": _TEXT,
        "start": _INTEGER,
        "end": _INTEGER,
        "references": _list(_REFERENCE),
        "same_as": _TEXT,
    }
)
_BACKGROUND = _struct({"frame_index": _INTEGER, "time_s": _REAL, "leak": _REAL, "image": _IMAGE})


def _schema(columns: Mapping[str, _Column]) -> pa.Schema:
    features = {name: column.feature for name, column in columns.items()}
    return pa.schema(
        [pa.field(name, column.arrow) for name, column in columns.items()],
        metadata={
            VERSION_KEY: str(SCHEMA_VERSION).encode(),
            b"huggingface": json.dumps({"info": {"features": features}}).encode(),
        },
    )


SAMPLES_SCHEMA: Final = _schema(
    {
        "clip_id": _TEXT,
        "source": _SOURCE,
        "caption": _TEXT,
        "video": _VIDEO,
        "video_start_s": _REAL,
        "num_frames": _INTEGER,
        "fps": _REAL,
        "height": _INTEGER,
        "width": _INTEGER,
        "bucket": _TEXT,
        "media": _MEDIA,
        "scores": _SCORES,
        "entities": _list(_ENTITY),
        "background": _BACKGROUND,
        "extra": _TEXT,
    }
)

# `stage`, `reason` and `detail` repeat the first of `reasons`, so that a one-line query can count them.
REJECTIONS_SCHEMA: Final = _schema(
    {
        "clip_id": _TEXT,
        "source": _SOURCE,
        "caption": _TEXT,
        "stage": _TEXT,
        "reason": _TEXT,
        "detail": _TEXT,
        "reasons": _list(_REASON),
        "scores": _SCORES,
        "media": _MEDIA,
        "thumbnail": _IMAGE,
    }
)

FAILURES_SCHEMA: Final = _schema(
    {
        "clip_id": _TEXT,
        "source": _SOURCE,
        "stage": _TEXT,
        "kind": _TEXT,
        "error_type": _TEXT,
        "message": _TEXT,
    }
)


def to_row(record: Sample | RejectedClip | FailedClip) -> Row:
    """The record as a row of its table's schema."""
    row = asdict(record)
    if isinstance(record, RejectedClip):
        row |= asdict(record.reasons[0])
    return row


def sample_from_row(row: Row) -> Sample:
    """The sample that `to_row` wrote; checks itself again."""
    return Sample(
        **{
            **row,
            "source": Source(**row["source"]),
            "video": Payload(**row["video"]),
            "media": MediaFacts(**row["media"]),
            "scores": Scores(**row["scores"]),
            "entities": tuple(_entity(entity) for entity in row["entities"]),
            "background": _background(row["background"]),
        }
    )


def rejected_clip_from_row(row: Row) -> RejectedClip:
    """The rejected clip that `to_row` wrote."""
    own = {name: row[name] for name in ("clip_id", "caption")}
    return RejectedClip(
        **own,
        source=Source(**row["source"]),
        reasons=tuple(Reason(**reason) for reason in row["reasons"]),
        scores=Scores(**row["scores"]),
        media=None if row["media"] is None else MediaFacts(**row["media"]),
        thumbnail=None if row["thumbnail"] is None else Payload(**row["thumbnail"]),
    )


def failed_clip_from_row(row: Row) -> FailedClip:
    """The failed clip that `to_row` wrote."""
    return FailedClip(**{**row, "source": Source(**row["source"]), "kind": FailureKind(row["kind"])})


def _entity(row: Row) -> Entity:
    references = tuple(
        ReferenceImage(**{**reference, "box": Box(**reference["box"]), "image": Payload(**reference["image"])})
        for reference in row["references"]
    )
    return Entity(**{**row, "kind": EntityKind(row["kind"]), "references": references})


def _background(row: Row | None) -> Background | None:
    return None if row is None else Background(**{**row, "image": Payload(**row["image"])})
