"""What was found of every entity word: where, how surely, and which pictures were kept or dropped, and why."""

from dataclasses import dataclass

import cv2
import numpy as np

from curation.decisions import decide
from curation.masks import cut_out, mask_box
from curation.records import Clip, Cutout
from dataset_schema import Entity, EntityKind, Payload, ReferenceScores
from pipelines.views.explained.watched_run import Story


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureFinding:
    """A picture that was cut out for a word; `why_dropped` is empty for one that was kept."""

    word: str
    kind: EntityKind
    time_s: float
    cutout: Cutout
    is_face: bool
    why_dropped: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordFinding:
    """A word of the caption, and what was found of it.

    Attributes:
        found: presentation time and confidence in each reference frame that it was located in.
        num_frames: how many of those there are.
        is_ambiguous: it fitted several places.
    """

    word: str
    kind: EntityKind
    found: tuple[tuple[float, float], ...] = ()
    num_frames: int = 0
    is_ambiguous: bool = False
    same_as: str | None = None
    pictures: tuple[PictureFinding, ...] = ()


def word_findings(story: Story) -> list[WordFinding]:
    """Every entity word, in the order of the stages: subjects first."""
    clip = story.clip
    if clip is None or clip.entity_words is None:
        return []
    frames = clip.frames.reference_frames if clip.frames is not None else ()
    entities = clip.entities or ()
    dropped = _dropped(story, clip)
    findings = []
    for index, word in enumerate(clip.entity_words):
        located = [entity for entity in clip.located or () if entity.word_index == index]
        entity = entities[index] if index < len(entities) else None
        kept = _kept(entity) if entity is not None else []
        findings.append(
            WordFinding(
                word=word.word,
                kind=word.kind,
                found=tuple(
                    (frames[e.reference_index].time_s, float(np.sqrt(e.detection_score * e.mask_score)))
                    for e in located
                    if not e.is_ambiguous
                ),
                num_frames=len(frames),
                is_ambiguous=any(e.is_ambiguous for e in located),
                same_as=entity.same_as if entity is not None else None,
                pictures=(*kept, *dropped.get(index, ())),
            )
        )
    return findings


def _kept(entity: Entity) -> list[PictureFinding]:
    return [
        PictureFinding(
            word=entity.word,
            kind=entity.kind,
            time_s=_cut_at_s(reference),
            cutout=_decoded(reference.image),
            is_face=reference.is_face,
            why_dropped="",
        )
        for reference in entity.references
    ]


def _cut_at_s(picture: ReferenceScores) -> float:
    """Of a picture of curation, which has cut all that it has."""
    if picture.time_s is None:
        raise ValueError("a picture has no time, expected one that was cut out of the clip")
    return picture.time_s


def _dropped(story: Story, clip: Clip) -> dict[int, list[PictureFinding]]:
    """Word index -> the whole pictures that were cut for it and are not among its references."""
    flaws = decide(clip, story.policy).flaws
    return {
        index: [
            PictureFinding(
                word=entity.word,
                kind=entity.kind,
                time_s=_cut_at_s(picture),
                cutout=_cut_again(clip, index, picture),
                is_face=False,
                why_dropped=", ".join(map(str, flaws[index][picture.place])),
            )
            for picture in entity.rejected_references
            if not picture.is_face and not picture.is_for_comparison
        ]
        for index, entity in enumerate(clip.entities or ())
        if index in flaws
    }


def _cut_again(clip: Clip, index: int, picture: ReferenceScores) -> Cutout:
    """A picture of which only the scores are left, from its frame and its mask."""
    frames = clip.frames.reference_frames if clip.frames is not None else ()
    mask, image = next(
        (entity.mask, frames[entity.reference_index].image)
        for entity in clip.located or ()
        if entity.word_index == index and frames[entity.reference_index].index == picture.frame_index
    )
    return cut_out(image, mask, mask_box(mask))


def _decoded(payload: Payload) -> Cutout:
    """A reference image as it was published."""
    pixels = cv2.imdecode(np.frombuffer(payload.bytes or b"", np.uint8), cv2.IMREAD_UNCHANGED)
    cutout: Cutout = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    return cutout
