"""Faces that are not the subject's, out of the pictures that a model learns from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from curation.annotators.protocols import FaceBox, FaceDetector
from curation.entity_words.phrases import names_person
from curation.face_blurring import MARGIN, blur_boxes
from curation.masks import png
from curation.one_subject.cutouts import cutout_of
from curation.records import Cutout
from curation.references.judging import scores_alone
from dataset_schema import Box, Entity, Payload, ReferenceImage, ReferenceScores, Sample

Region: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels of a picture


def without_faces(entity: Entity, faces: FaceDetector, how: Literal["blur", "leave_out"]) -> Entity:
    """An entity that is not the subject: no picture of a face alone, and no face to be known in those of people.

    Pictures that are left out leave their scores. Other things keep theirs: a detector takes some heads of animals for
    faces.
    """
    kept, left_out = list[ReferenceImage](), list[ReferenceScores](entity.rejected_references)
    for reference in entity.references:
        is_looked_at = not reference.is_face and names_person(entity.word)
        blurred = blurred_faces(cutout_of(reference), faces) if is_looked_at else None
        if reference.is_face or (blurred is not None and how == "leave_out"):
            left_out.append(scores_alone(reference))
        elif blurred is not None:
            kept.append(replace(reference, image=Payload(bytes=png(blurred))))
        else:
            kept.append(reference)
    return replace(
        entity,
        references=tuple(kept),
        rejected_references=tuple(sorted(left_out, key=lambda picture: picture.place)),
    )


def people_in(sample: Sample, entity: Entity, reference: ReferenceImage) -> list[Region]:
    """Where people are in the picture of something that is none, as far as they were located in the same frame."""
    if names_person(entity.word) or reference.box is None:
        return []
    return [
        _in_picture(other.box, reference.box, cutout_of(reference).shape)
        for person in sample.entities
        if names_person(person.word)
        for other in (*person.references, *person.rejected_references)
        if other.box is not None and not other.is_face and other.frame_index == reference.frame_index
    ]


def blurred_faces(cutout: Cutout, faces: FaceDetector, within: Sequence[Region] | None = None) -> Cutout | None:
    """The picture with every face in it blurred; None where there is none.

    Args:
        cutout: the picture.
        faces: loaded.
        within: where faces may be; None is everywhere.
    """
    picture = np.ascontiguousarray(cutout[..., :3])
    found = [
        face for face in faces.detect(picture) if within is None or any(_has_middle(each, face) for each in within)
    ]
    if not found:
        return None
    blurred = cutout.copy()
    blurred[..., :3] = blur_boxes(picture, found, margin=MARGIN)
    return blurred


def _in_picture(box: Box, picture: Box, shape: tuple[int, ...]) -> Region:
    """A box of the frame in pixels of a picture that was cut from it."""
    across, down = shape[1] / (picture.x1 - picture.x0), shape[0] / (picture.y1 - picture.y0)
    return (
        (box.x0 - picture.x0) * across,
        (box.y0 - picture.y0) * down,
        (box.x1 - picture.x0) * across,
        (box.y1 - picture.y0) * down,
    )


def _has_middle(region: Region, face: FaceBox) -> bool:
    x, y = (face.x0 + face.x1) / 2, (face.y0 + face.y1) / 2
    return region[0] <= x < region[2] and region[1] <= y < region[3]
