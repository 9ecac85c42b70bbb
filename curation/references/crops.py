"""Crops of entities from the reference frames, measured, on their way to be `dataset_schema.ReferenceImage`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.annotators.protocols import FaceBox
from curation.masks import cut_out, mask_box, png, white_outside
from curation.records import Clip, Cutout, EntityWord, Frames, LocatedEntity, Mask, ReferenceFrame
from curation.references.frames import frames_to_cut
from curation.references.quality import Quality, measure
from dataset_schema import Box, MediaFacts, Payload, ReferenceImage

# The face box is extended by these shares of its height, as the authors' benchmark does (its evaluation code).
_FACE_UP: Final = 0.17
_FACE_DOWN: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceCrop:
    """One entity in one frame.

    Attributes:
        is_for_comparison: from inside the clip although frames from outside are there: it only tells whether those
            show the same thing.
        short_side: of the crop, or of the face itself.
        face_inside: share of a face's box that the person's mask covers.
        given_face: of a whole picture, the face in it that came with the clip.
    """

    word_index: int
    frame: ReferenceFrame
    mask: Mask
    detection_score: float
    mask_score: float
    quality: Quality
    is_face: bool
    is_for_comparison: bool
    short_side: int
    face_inside: float | None = None
    given_face: Mask | None = None

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Of the mask in the frame: x0, y0, x1, y1."""
        return mask_box(self.mask)

    @property
    def cutout(self) -> Cutout:
        """The box as RGBA."""
        return cut_out(self.frame.image, self.mask, self.box)

    def reference(self, media: MediaFacts, *, place: int, likeness: Sequence[float | None]) -> ReferenceImage:
        """As a record; its box in pixels of the video, of which the frame may be a smaller picture.

        A picture from another video has no place in this one.
        """
        is_of_clip = not self.frame.is_elsewhere
        return ReferenceImage(
            frame_index=self.frame.index if is_of_clip else None,
            time_s=self.frame.time_s if is_of_clip else None,
            box=self._box_in(media) if is_of_clip else None,
            detection_score=self.detection_score,
            mask_score=self.mask_score,
            agreement=None,
            likeness_to_clip=None,
            is_face=self.is_face,
            image=Payload(bytes=png(white_outside(self.cutout))),
            short_side=self.short_side,
            face_inside=self.face_inside,
            is_for_comparison=self.is_for_comparison,
            place=place,
            likeness=tuple(likeness),
            **self.quality._asdict(),
        )

    def _box_in(self, media: MediaFacts) -> Box:
        height, width = self.mask.shape
        across, down = media.width / width, media.height / height
        x0, y0, x1, y1 = self.box
        return Box(x0=x0 * across, y0=y0 * down, x1=x1 * across, y1=y1 * down)


def located_words(clip: Clip) -> tuple[Frames, tuple[EntityWord, ...], tuple[LocatedEntity, ...]]:
    """What pictures are cut from.

    Raises:
        ValueError: an earlier stage is missing.
    """
    if clip.frames is None or clip.entity_words is None or clip.located is None:
        raise ValueError(
            f"clip {clip.clip_id} lacks frames, entity words or masks, expected all of them; check the plan"
        )
    return clip.frames, clip.entity_words, clip.located


def cut_references(clip: Clip, duplicate_words: Mapping[int, int]) -> list[ReferenceCrop]:
    """Every certain mask's picture, in order of words and frames; none of words that are second names."""
    frames, words, located = located_words(clip)
    to_cut = frames_to_cut(frames)
    entities = [entity for entity in located if entity.word_index not in duplicate_words and entity.mask.any()]
    certain = [entity for entity in entities if not entity.is_ambiguous]
    pictures = []
    for entity in sorted(certain, key=lambda e: (e.word_index, e.reference_index)):
        frame = frames.reference_frames[entity.reference_index]
        rivals = [
            other.mask
            for other in entities
            if other.reference_index == entity.reference_index
            and other.word_index != entity.word_index
            and words[other.word_index].kind is words[entity.word_index].kind
        ]
        pictures.append(
            ReferenceCrop(
                word_index=entity.word_index,
                frame=frame,
                mask=entity.mask,
                detection_score=entity.detection_score,
                mask_score=entity.mask_score,
                quality=measure(frame.image, entity.mask, rivals),
                is_face=False,
                is_for_comparison=entity.reference_index not in to_cut,
                short_side=_short_side(mask_box(entity.mask)),
                given_face=entity.face,
            )
        )
    return pictures


def cut_face(person: ReferenceCrop, face: FaceBox) -> ReferenceCrop | None:
    """What a person's mask has in a face's box, extended as the authors' benchmark does; None where that is nothing."""
    x0, y0, x1, y1 = (round(value) for value in face[:4])
    height = y1 - y0
    window = (slice(max(0, round(y0 - _FACE_UP * height)), round(y1 + _FACE_DOWN * height)), slice(x0, x1))
    mask = np.zeros_like(person.mask)
    mask[window] = person.mask[window]
    inside = person.mask[y0:y1, x0:x1]
    if not mask.any() or not inside.size:
        return None
    return _face(person, mask, inside, score=face.score)


def cut_given_face(person: ReferenceCrop) -> ReferenceCrop | None:
    """The face that came with a picture, by its own outline; None where none did."""
    mask = person.given_face
    if mask is None or not mask.any():
        return None
    x0, y0, x1, y1 = mask_box(mask)
    return _face(person, mask, person.mask[y0:y1, x0:x1], score=1.0)


def _face(person: ReferenceCrop, mask: Mask, inside: Mask, *, score: float) -> ReferenceCrop:
    """`inside` is the person's mask in the face's own box."""
    quality = measure(person.frame.image, mask, [])._replace(overlap=person.quality.overlap)
    return ReferenceCrop(
        word_index=person.word_index,
        frame=person.frame,
        mask=mask,
        detection_score=score,
        mask_score=person.mask_score,
        quality=quality,
        is_face=True,
        is_for_comparison=person.is_for_comparison,
        short_side=min(inside.shape),
        face_inside=float(inside.mean()),
    )


def _short_side(box: tuple[int, int, int, int]) -> int:
    x0, y0, x1, y1 = box
    return min(x1 - x0, y1 - y0)
