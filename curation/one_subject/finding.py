"""What a curated clip has of the subject: which of its words is most like it, how much, and the pictures of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import CutoutEncoder, FaceDetector
from curation.entity_words.object_classes import object_classes
from curation.masks import png
from curation.one_subject.cutouts import cutout_of, small_picture
from curation.one_subject.other_faces import blurred_faces, people_in
from curation.one_subject.views import Distance, Light, View, distance_of, light_of, view_of
from curation.records import Image
from curation.references.quality import sharpness
from dataset_schema import Entity, EntityKind, ReferenceImage, Sample

_FRAME_SIZE: Final = (48, 27)


class Looks(NamedTuple):
    """What a subject is recognized by.

    Attributes:
        vectors: (pictures, features), each of length one.
        encoder: which made them; it makes those of the clips, too.
        by_faces: whether they are of its face.
        word: a word of its kind; empty where any subject may be it.
    """

    vectors: npt.NDArray[np.float64]
    encoder: CutoutEncoder
    by_faces: bool = False
    word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubjectPicture:
    """A picture of the subject in a clip.

    Attributes:
        place: of the reference image among its entity's.
        content: PNG, RGBA.
        small: the picture in 32 x 32 on white.
        share: of the frame's height or width that it takes, whichever is more.
    """

    clip_id: str
    place: int
    time_s: float | None
    content: bytes
    small: Image
    short_side: int
    sharpness: float
    view: View
    distance: Distance
    light: Light

    def facts(self) -> dict[str, Any]:
        """What rules read."""
        return {"short_side": self.short_side, "sharpness": self.sharpness}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """What was found in a clip.

    Attributes:
        entity: which of the sample's entities is most like the subject; None where none can be it.
        likeness: of that entity.
        namesakes: how many entities can be it, and have what is compared: pictures, or faces.
        words: all of which something can be compared.
    """

    clip_id: str
    uri: str
    caption: str
    words: tuple[str, ...]
    namesakes: int
    entity: int | None = None
    word: str = ""
    likeness: float | None = None

    def facts(self, looks: Looks) -> dict[str, Any]:
        """What rules read, before its pictures are looked at."""
        return {
            "compared": "face" if looks.by_faces else "picture",
            "words": ", ".join(map(repr, self.words)) or "none",
            "word": self.word,
            "namesakes": self.namesakes,
            "likeness_to_subject": self.likeness,
        }


def find_subject(sample: Sample, looks: Looks) -> Finding:
    """Hold every entity of a clip that may be the subject against its pictures."""
    pictured = [
        index
        for index, entity in enumerate(sample.entities)
        if entity.kind is not EntityKind.BACKGROUND and _compared(entity, looks)
    ]
    namesakes = [index for index in pictured if may_mean(looks.word, sample.entities[index].word)]
    likeness = {index: _likeness(_compared(sample.entities[index], looks), looks) for index in namesakes}
    best = max(likeness, key=likeness.__getitem__, default=None)
    return Finding(
        clip_id=sample.clip_id,
        uri=sample.source.uri,
        caption=sample.caption,
        words=tuple(sample.entities[index].word for index in pictured),
        namesakes=len(namesakes),
        entity=best,
        word="" if best is None else sample.entities[best].word,
        likeness=None if best is None else likeness[best],
    )


def may_mean(subject_word: str, word: str) -> bool:
    """Whether two words can name one thing: a puppy is a dog, a man is none; a word without a class may be anything."""
    one, other = object_classes(subject_word).exact, object_classes(word).exact
    return not one or not other or bool(set(one) & set(other))


def likeness_of(vectors: npt.NDArray[np.float64], looks: npt.NDArray[np.float64]) -> float:
    """Of some pictures to others: the greatest cosine of two.

    Our choice: one of the subject's pictures shows it from the side from which one of the clip's does, and of the
    clip's three one is cut best. In drawn worlds, where one stranger in a thousand passes, the greatest finds .95 of
    them, the mean of each picture's greatest .91, the median .90.
    """
    return float((vectors @ looks.T).max())


def pictures_of(sample: Sample, entity: Entity, frame: Image, faces: FaceDetector) -> list[SubjectPicture]:
    """The whole pictures of an entity, measured; of something that is no person, without people's faces.

    Args:
        sample: the clip.
        entity: the subject in it.
        frame: the middle one.
        faces: loaded.
    """
    light = light_of(frame)
    with_face = {reference.frame_index for reference in entity.references if reference.is_face}
    return [
        _picture(sample, entity, reference, light, faces, has_face=reference.frame_index in with_face)
        for reference in entity.references
        if not reference.is_face
    ]


def small_frame(frame: Image) -> Image:
    """A frame as it is compared with others."""
    return np.asarray(cv2.resize(frame, _FRAME_SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def _compared(entity: Entity, looks: Looks) -> list[ReferenceImage]:
    return [reference for reference in entity.references if reference.is_face == looks.by_faces]


def _likeness(references: Sequence[ReferenceImage], looks: Looks) -> float:
    return likeness_of(looks.encoder.encode([cutout_of(reference) for reference in references]), looks.vectors)


def _picture(
    sample: Sample, entity: Entity, reference: ReferenceImage, light: Light, faces: FaceDetector, *, has_face: bool
) -> SubjectPicture:
    cutout = cutout_of(reference)
    people = people_in(sample, entity, reference)
    blurred = blurred_faces(cutout, faces, people) if people else None
    mask = cutout[..., 3] > 0
    box, media = reference.box, sample.media
    share = None if box is None else max((box.x1 - box.x0) / media.width, (box.y1 - box.y0) / media.height)
    return SubjectPicture(
        clip_id=sample.clip_id,
        place=reference.place,
        time_s=reference.time_s,
        content=png(cutout if blurred is None else blurred),
        small=small_picture(cutout),
        short_side=min(mask.shape),
        sharpness=sharpness(np.ascontiguousarray(cutout[..., :3]), mask),
        view=view_of(entity.word, mask, has_face=has_face),
        distance=distance_of(share),
        light=light,
    )
