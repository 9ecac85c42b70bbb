"""Cuts every located entity out of the reference frames, and keeps the pictures that are good enough (3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import cv2
import numpy as np

from curation.annotators.protocols import CutoutEncoder, FaceDetector
from curation.entity_words.lexicon import NounClass
from curation.entity_words.phrases import head_index, noun_at
from curation.entity_words.tokens import tokenize
from curation.records import Clip, Cutout, EntityWord, Frames, LocatedEntity, Mask
from curation.reference_quality import (
    agreement,
    area,
    border_contact,
    cut_out,
    largest_fragment,
    mask_box,
    overlap,
    sharpness,
)
from curation.stage import Resources
from dataset_schema import Annotator, Box, Entity, EntityKind, Payload, Reason, Reference

# The face box is extended by these shares of its height, as the authors' benchmark does (its evaluation code).
_FACE_UP: Final = 0.17
_FACE_DOWN: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImagesConfig:
    """Which pictures are good enough to be reference images. Our choice, all of them: the paper names no threshold.

    Attributes:
        min_area: least share of the frame. Smaller masks are more often wrong than right.
        max_area: largest share of the frame. Beyond it there is no background left, and mostly the mask is wrong.
        min_short_side: least side of the crop, pixels: a fifth of the image encoder's 224.
        min_largest_fragment: a mask in pieces is an occluded entity or a bad mask.
        max_border_contact: most of the outline that may lie on the frame's border. A person cut at the waist has
            about a fifth there; beyond two fifths the entity is mostly outside.
        max_overlap: most of the mask that another entity's mask may cover.
        min_sharpness: least variance of the Laplacian. Dim and blurred crops that still show their entity reach 7; a
            thing of 30 pixels, enlarged, 4.
        min_agreement: least likeness to the entity's other pictures; below it one of them shows something else.
        min_face_score: least score of a face.
        min_face_side: least side of a face crop, pixels.
        min_face_inside: least share of a face that the entity's mask covers.
    """

    min_area: float = 0.01
    max_area: float = 0.90
    min_short_side: int = 48
    min_largest_fragment: float = 0.8
    max_border_contact: float = 0.4
    max_overlap: float = 0.5
    min_sharpness: float = 5.0
    min_agreement: float = 0.5
    min_face_score: float = 0.5
    min_face_side: int = 32
    min_face_inside: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.min_area < self.max_area <= 1:
            raise ValueError(
                f"min_area is {self.min_area} and max_area {self.max_area}, expected 0 <= min_area < max_area <= 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judged:
    """A picture with its scores, and every threshold it misses."""

    located: LocatedEntity
    reference: Reference
    flaws: tuple[str, ...]


class ReferenceImages:
    """Turns masks into reference images; rejects clips whose subjects have none."""

    name: ClassVar[str] = "reference_images"
    reads: ClassVar[frozenset[str]] = frozenset({"media", "frames", "located", "entity_words"})
    adds: ClassVar[frozenset[str]] = frozenset({"entities"})

    def __init__(self, config: ReferenceImagesConfig, faces: FaceDetector, encoder: CutoutEncoder) -> None:
        self._config = config
        self._faces = faces
        self._encoder = encoder

    @property
    def resources(self) -> Resources:
        """Those of the face detector and of the encoder."""
        return self._faces.resources + self._encoder.resources

    def annotators(self) -> tuple[Annotator, ...]:
        """The face detector and the encoder."""
        return (self._faces.describe(), self._encoder.describe())

    def setup(self) -> None:
        """Load both."""
        self._faces.load()
        self._encoder.load()

    def close(self) -> None:
        """Nothing to let go of."""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """Fill `entities`: one for every entity word, with its good reference images or none."""
        return [self._cut(clip) for clip in clips]

    def decide(self, clip: Clip) -> tuple[Reason, ...]:
        """`no_usable_reference`: no subject has a reference image."""
        if any(entity.kind is EntityKind.SUBJECT and entity.references for entity in clip.entities or ()):
            return ()
        _, words, _ = _inputs(clip)
        fallen = [
            f"{words[judged.located.word_index].word!r} at {judged.reference.time_s:.2f} s: {', '.join(judged.flaws)}"
            for judged in self._judge(clip)
            if words[judged.located.word_index].kind is EntityKind.SUBJECT
        ]
        detail = "; ".join(fallen) or "no mask of a subject to cut from"
        return (Reason(stage=self.name, reason="no_usable_reference", detail=detail),)

    def _cut(self, clip: Clip) -> Clip:
        frames, words, _ = _inputs(clip)
        good = [judged for judged in self._judge(clip) if not judged.flaws]
        entities = []
        for index, word in enumerate(words):
            own = [judged for judged in good if judged.located.word_index == index]
            references = [judged.reference for judged in own]
            if word.kind is EntityKind.SUBJECT and _names_a_person(word.word):
                references += self._faces_of(frames, own)
            entities.append(
                Entity(
                    word=word.word,
                    kind=word.kind,
                    start=word.start,
                    end=word.end,
                    references=tuple(_in_frame_pixels(clip, frames, reference) for reference in references),
                )
            )
        return replace(clip, entities=tuple(entities))

    def _judge(self, clip: Clip) -> list[_Judged]:
        """Every mask's picture, in order of words and frames."""
        frames, words, located = _inputs(clip)
        judged = []
        for index in range(len(words)):
            own = sorted((e for e in located if e.word_index == index), key=lambda e: e.reference_index)
            own = [entity for entity in own if entity.mask.any()]
            cutouts = [_cut_out_box(frames, entity) for entity in own]
            agreements = agreement(self._encoder.encode(cutouts)) if cutouts else []
            for entity, cutout, alike in zip(own, cutouts, agreements, strict=True):
                others = [
                    other.mask
                    for other in located
                    if other.reference_index == entity.reference_index and other.word_index != index
                ]
                reference = _describe(frames, entity, cutout, others, alike)
                judged.append(_Judged(located=entity, reference=reference, flaws=self._flaws(reference)))
        return judged

    def _flaws(self, reference: Reference) -> tuple[str, ...]:
        """Every threshold that a picture misses."""
        config = self._config
        short_side = min(reference.box.x1 - reference.box.x0, reference.box.y1 - reference.box.y0)
        alike = 1.0 if reference.agreement is None else reference.agreement
        checks = (
            (reference.area >= config.min_area, f"area {reference.area:.4f} < {config.min_area}"),
            (reference.area <= config.max_area, f"area {reference.area:.2f} > {config.max_area}"),
            (short_side >= config.min_short_side, f"short side {short_side:.0f} px < {config.min_short_side}"),
            (
                reference.largest_fragment >= config.min_largest_fragment,
                f"largest fragment {reference.largest_fragment:.2f} < {config.min_largest_fragment}",
            ),
            (
                reference.border_contact <= config.max_border_contact,
                f"border contact {reference.border_contact:.2f} > {config.max_border_contact}",
            ),
            (reference.overlap <= config.max_overlap, f"overlap {reference.overlap:.2f} > {config.max_overlap}"),
            (
                reference.sharpness >= config.min_sharpness,
                f"sharpness {reference.sharpness:.1f} < {config.min_sharpness}",
            ),
            (alike >= config.min_agreement, f"agreement {alike:.2f} < {config.min_agreement}"),
        )
        return tuple(flaw for passed, flaw in checks if not passed)

    def _faces_of(self, frames: Frames, people: Sequence[_Judged]) -> list[Reference]:
        """The best face inside each picture's mask, cut from the same mask."""
        boxes = [(judged, self._best_face(frames, judged.located)) for judged in people]
        found = [(judged, *face) for judged, face in boxes if face is not None]
        cutouts = [_cut_out_box(frames, judged.located, mask) for judged, mask, _ in found]
        agreements = agreement(self._encoder.encode(cutouts)) if cutouts else []
        faces = []
        for (judged, mask, score), cutout, alike in zip(found, cutouts, agreements, strict=True):
            in_face = replace(judged.located, mask=mask, detection_score=score)
            face = _describe(frames, in_face, cutout, [], alike)
            faces.append(replace(face, overlap=judged.reference.overlap, is_face=True))
        return faces

    def _best_face(self, frames: Frames, person: LocatedEntity) -> tuple[Mask, float] | None:
        """The part of the person's mask in the extended box of the best face, and the face's score."""
        image = frames.references[person.reference_index].image
        left, top, right, bottom = _with_margin(mask_box(person.mask))
        for face in self._faces.detect(np.ascontiguousarray(image[top:bottom, left:right])):
            x0, x1 = round(left + face.x0), round(left + face.x1)
            y0, y1 = round(top + face.y0), round(top + face.y1)
            inside = person.mask[y0:y1, x0:x1]
            if (
                face.score >= self._config.min_face_score
                and min(x1 - x0, y1 - y0) >= self._config.min_face_side
                and inside.mean() >= self._config.min_face_inside
            ):
                height = y1 - y0
                y0, y1 = max(0, round(y0 - _FACE_UP * height)), round(y1 + _FACE_DOWN * height)
                mask = np.zeros_like(person.mask)
                mask[y0:y1, x0:x1] = person.mask[y0:y1, x0:x1]
                return mask, face.score
        return None


def _in_frame_pixels(clip: Clip, frames: Frames, reference: Reference) -> Reference:
    """The reference with its box in pixels of the clip's frame; it was cut from a picture that may be smaller."""
    if clip.media is None:
        raise ValueError(f"clip {clip.clip_id} has no media facts; run the decode stage first")
    height, width = frames.references[0].image.shape[:2]
    across, down = clip.media.width / width, clip.media.height / height
    box = reference.box
    return replace(reference, box=Box(x0=box.x0 * across, y0=box.y0 * down, x1=box.x1 * across, y1=box.y1 * down))


def _inputs(clip: Clip) -> tuple[Frames, tuple[EntityWord, ...], tuple[LocatedEntity, ...]]:
    if clip.frames is None or clip.entity_words is None or clip.located is None:
        raise ValueError(
            f"clip {clip.clip_id} lacks frames, entity words or masks, expected all of them; check the plan"
        )
    return clip.frames, clip.entity_words, clip.located


def _cut_out_box(frames: Frames, entity: LocatedEntity, mask: Mask | None = None) -> Cutout:
    mask = entity.mask if mask is None else mask
    return cut_out(frames.references[entity.reference_index].image, mask, mask_box(mask))


def _describe(
    frames: Frames, entity: LocatedEntity, cutout: Cutout, others: Sequence[Mask], alike: float | None
) -> Reference:
    frame = frames.references[entity.reference_index]
    x0, y0, x1, y1 = mask_box(entity.mask)
    return Reference(
        frame_index=frame.index,
        time_s=frame.time_s,
        box=Box(x0=x0, y0=y0, x1=x1, y1=y1),
        detection_score=entity.detection_score,
        mask_score=entity.mask_score,
        area=area(entity.mask),
        sharpness=sharpness(frame.image, entity.mask),
        largest_fragment=largest_fragment(entity.mask),
        border_contact=border_contact(entity.mask),
        overlap=overlap(entity.mask, others),
        agreement=alike,
        is_face=False,
        image=Payload(bytes=_png(cutout)),
    )


def _with_margin(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The box with a quarter of its long side added all around, not beyond the frame's top and left."""
    x0, y0, x1, y1 = box
    margin = max(x1 - x0, y1 - y0) // 4
    return max(0, x0 - margin), max(0, y0 - margin), x1 + margin, y1 + margin


def _png(cutout: Cutout) -> bytes:
    written, encoded = cv2.imencode(".png", cv2.cvtColor(cutout, cv2.COLOR_RGBA2BGRA))
    if not written:
        raise RuntimeError(f"cutout of shape {cutout.shape} could not be written as PNG")
    return bytes(encoded)


def _names_a_person(word: str) -> bool:
    tokens = tokenize(word)
    noun = noun_at(tokens, head_index(tokens, 0, len(tokens)), 0) if tokens else None
    return noun is not None and noun.noun_class is NounClass.PERSON
