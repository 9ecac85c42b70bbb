"""What becomes of a clip: a sample, a rejected clip or a failed one. Exactly one of the three."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Final, TypeAlias

import numpy as np
from PIL import Image as PillowImage

from curation.execution.guard import StageError
from curation.opt_outs import OPTED_OUT
from curation.records import Clip, Frames, Image
from curation.references.judging import scores_alone
from dataset_schema import (
    Entity,
    FailedClip,
    FailureKind,
    MediaFacts,
    Payload,
    Reason,
    ReferenceScores,
    RejectedClip,
    Sample,
    Scores,
)

Record: TypeAlias = Clip | RejectedClip | FailedClip | Sample
Outcome: TypeAlias = Sample | RejectedClip | FailedClip

# Our choice: enough to see what a rejected clip shows; about 10 kB as JPEG.
_THUMBNAIL_LONG_SIDE: Final = 256
_JPEG_QUALITY: Final = 85


def rejected(clip: Clip) -> RejectedClip:
    """The row of a clip that broke rules."""
    return RejectedClip(
        clip_id=clip.clip_id,
        source=clip.source,
        caption=clip.caption,
        reasons=clip.reasons,
        scores=clip.scores,
        media=clip.media,
        thumbnail=clip.thumbnail,
        entities=_words(clip) if clip.entities is None else without_images(clip.entities),
    )


def opted_out(clip: Clip, stage: str, why: str) -> RejectedClip:
    """The row of a clip that an opt-out list keeps out: nothing of its content, and nothing that was said of it."""
    source = replace(clip.source, licence=None, consent=None, rights_holder=None)
    reason = Reason(stage=stage, reason=OPTED_OUT, detail=f"{why}; nothing of it is kept")
    return RejectedClip(clip_id=clip.clip_id, source=source, caption="", reasons=(reason,), scores=Scores())


def passed_over(sample: Sample, *reasons: Reason) -> RejectedClip:
    """The row of a clip that was kept and is not wanted."""
    return RejectedClip(
        clip_id=sample.clip_id,
        source=sample.source,
        caption=sample.caption,
        reasons=reasons,
        scores=sample.scores,
        media=sample.media,
        entities=without_images(sample.entities),
    )


def _words(clip: Clip) -> tuple[Entity, ...]:
    words = clip.entity_words or ()
    return tuple(Entity(word=word.word, kind=word.kind, start=word.start, end=word.end) for word in words)


def without_images(entities: Sequence[Entity]) -> tuple[Entity, ...]:
    """The words, and the scores of their pictures by place: no rule shows in their order."""
    return tuple(replace(entity, references=(), rejected_references=_scores_by_place(entity)) for entity in entities)


def _scores_by_place(entity: Entity) -> tuple[ReferenceScores, ...]:
    pictures: list[ReferenceScores] = [*entity.references, *entity.rejected_references]
    return tuple(scores_alone(picture) for picture in sorted(pictures, key=lambda picture: picture.place))


def failed(clip: Clip, stage: str, error: StageError) -> FailedClip:
    """The row of a clip that a stage could not score."""
    return FailedClip(
        clip_id=clip.clip_id,
        source=clip.source,
        stage=stage,
        kind=error.kind,
        error_type=error.error_type,
        message=error.message,
    )


def finished(record: Record, last_stage: str) -> Outcome:
    """What a record is after the last stage."""
    if not isinstance(record, Clip):
        return record
    if record.reasons:
        return rejected(record)
    if record.sample is not None:
        return record.sample
    message = f"the clip passed every stage up to {last_stage} and has no sample; expected the last stage to add it"
    return failed(record, last_stage, StageError(FailureKind.INTERNAL, "StageContractError", message))


def thumbnail(clip: Clip) -> Payload | None:
    """A small JPEG of the middle of the clip, in the viewer's proportions; None for a clip that was never decoded."""
    picture = _middle_picture(clip.frames) if clip.frames is not None else None
    if picture is None:
        return None
    width, height = _viewed_size(picture, clip.media)
    scale = min(1.0, _THUMBNAIL_LONG_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    file = BytesIO()
    PillowImage.fromarray(picture).resize(size).save(file, "JPEG", quality=_JPEG_QUALITY)
    return Payload(bytes=file.getvalue())


def _middle_picture(frames: Frames) -> Image | None:
    """The best picture that was decoded: reference frames are large, the other frames small and squeezed."""
    if references := [each for each in frames.reference_frames if not (each.is_outside or each.is_elsewhere)]:
        return references[len(references) // 2].image
    for video in (frames.content, frames.thumbnails):
        if len(video):
            return np.ascontiguousarray(video[len(video) // 2])
    return None


def _viewed_size(picture: Image, media: MediaFacts | None) -> tuple[int, int]:
    if media is not None:
        return media.width, media.height
    return picture.shape[1], picture.shape[0]
