"""Rows of the index said once more in plain Python, from the records that `read_shard` gives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from dataset_schema import (
    CORE_SCORES,
    INDEX_SCHEMA,
    Entity,
    EntityKind,
    FailedClip,
    RejectedClip,
    Sample,
    Scores,
    Source,
    read_shard,
    shard_paths,
)

Row = dict[str, Any]
Record = TypeVar("Record", Sample, RejectedClip, FailedClip)


def expected_rows(dataset: Path) -> list[Row]:
    """Every row of a dataset's index, but where the media lie."""
    return [*_table_rows(dataset, Sample), *_table_rows(dataset, RejectedClip), *_table_rows(dataset, FailedClip)]


def _table_rows(dataset: Path, kind: type[Record]) -> Iterator[Row]:
    for path in shard_paths(dataset, kind):
        place = {"shard": str(path.relative_to(dataset))}
        for row, record in enumerate(read_shard(path, kind)):
            yield dict.fromkeys(INDEX_SCHEMA.names) | about(record) | place | {"row": row}


def about(record: Sample | RejectedClip | FailedClip) -> Row:
    common = {"clip_id": record.clip_id, **about_source(record.source)}
    if isinstance(record, FailedClip):
        detail = f"{record.error_type}: {record.message}"
        return {**common, "outcome": "failed", "stage": record.stage, "reason": record.kind.value, "detail": detail}
    common |= {"caption": record.caption, **about_scores(record.scores), **about_entities(record.entities)}
    if isinstance(record, RejectedClip):
        first, media = record.reasons[0], record.media
        common |= {"outcome": "rejected", "stage": first.stage, "reason": first.reason, "detail": first.detail}
        if media:
            common |= {name: getattr(media, name) for name in ("fps", "height", "width", "duration_s")}
            common |= {"num_frames": media.decoded_frames}
        return common
    own = ("bucket", "num_frames", "fps", "height", "width", "video_start_s")
    return {
        **common,
        **{name: getattr(record, name) for name in own},
        "outcome": "kept",
        "duration_s": record.media.duration_s,
        "video_path": record.video.path,
        "has_background": record.background is not None,
    }


def about_source(source: Source) -> Row:
    names = ("id", "uri", "start_s", "end_s")
    same = ("num_clips", "licence", "consent", "rights_holder", "content_sha256", "perceptual_hash")
    return {f"source_{name}": getattr(source, name) for name in names} | {name: getattr(source, name) for name in same}


def about_scores(scores: Scores) -> Row:
    more = [{"name": name, "value": value} for name, value in scores.more.items()]
    return {name: getattr(scores, name) for name in CORE_SCORES} | {"more": more}


def about_entities(entities: tuple[Entity, ...]) -> Row:
    references = [reference for entity in entities for reference in entity.references]
    return {
        **{f"{kind.value}s": [entity.word for entity in entities if entity.kind is kind] for kind in EntityKind},
        "num_references": len(references),
        "num_faces": sum(reference.is_face for reference in references),
        "entities": [
            {
                "word": entity.word,
                "kind": entity.kind.value,
                "start": entity.start,
                "end": entity.end,
                "same_as": entity.same_as,
                "faces": [reference.is_face for reference in entity.references],
            }
            for entity in entities
        ],
    }
