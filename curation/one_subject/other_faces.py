"""Faces that are not the subject's, out of what a model learns from."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

import cv2
import numpy as np

from curation.annotators.protocols import FaceDetector
from curation.masks import png
from curation.one_subject.finding import cutout_of
from curation.records import Cutout
from curation.references.judging import scores_alone
from dataset_schema import Entity, Payload, ReferenceImage, ReferenceScores

# Of the face's width: a Gaussian of a quarter leaves no eye, and the head's color stays.
_BLUR: Final = 0.25


def without_faces(entity: Entity, faces: FaceDetector, how: Literal["blur", "leave_out"]) -> Entity:
    """An entity that is not the subject: no picture of a face alone, and no face to be known in the others.

    Pictures that are left out leave their scores.
    """
    kept, left_out = list[ReferenceImage](), list[ReferenceScores](entity.rejected_references)
    for reference in entity.references:
        blurred = None if reference.is_face else blurred_faces(cutout_of(reference), faces)
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


def blurred_faces(cutout: Cutout, faces: FaceDetector) -> Cutout | None:
    """The picture with every face in it blurred; None where there is none."""
    boxes = list(_boxes(cutout, faces))
    if not boxes:
        return None
    blurred = cutout.copy()
    for x0, y0, x1, y1 in boxes:
        window = blurred[y0:y1, x0:x1, :3]
        window[...] = cv2.GaussianBlur(np.ascontiguousarray(window), (0, 0), max(1.0, _BLUR * (x1 - x0)))
    return blurred


def _boxes(cutout: Cutout, faces: FaceDetector) -> Iterator[tuple[int, int, int, int]]:
    """The faces' boxes in whole pixels, not beyond the picture."""
    height, width = cutout.shape[:2]
    for face in faces.detect(np.ascontiguousarray(cutout[..., :3])):
        x0, y0 = max(0, round(face.x0)), max(0, round(face.y0))
        x1, y1 = min(width, round(face.x1)), min(height, round(face.y1))
        if x0 < x1 and y0 < y1:
            yield x0, y0, x1, y1
