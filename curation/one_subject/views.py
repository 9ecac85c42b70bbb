"""How a picture shows its subject: from which side, from how far, in what light. Our choice, all of it.

Read off what every picture has: the outline, the size in the frame, the brightness of the frame. Nothing here knows a
pose: of an animal the outline tells the side from an end, not the head from the tail; of a person a face that was found
tells that one is seen.
"""

from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from curation.annotators.protocols import FaceBox
from curation.entity_words.object_classes import object_classes
from curation.records import Image, Mask

# Of COCO's classes, those that are longer than they are wide: their outline tells how they stand.
_LONG: Final = frozenset(
    {
        *("dog", "cat", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
        *("car", "bus", "truck", "train", "motorcycle", "bicycle", "boat", "airplane"),
    }
)
_WIDE: Final = 1.15  # width over height: a dog that stands has 1.2 to 1.6 from the side
_NARROW: Final = 0.85  # and 0.4 to 0.7 from the front

_CLOSE: Final = 0.7  # of the frame, along the side of which it takes more
_FAR: Final = 0.3

_DARK: Final = 50.0  # mean luma of the frame, of 255
_BRIGHT: Final = 120.0

_FACE_INSIDE: Final = 0.6  # of a face's box in the mask, as reference images ask


class View(StrEnum):
    """From which side; UNKNOWN where the outline does not tell."""

    SIDE = "from the side"
    END = "from the front or back"
    SLANTED = "between side and front"
    FACE = "with its face"
    NO_FACE = "without its face"
    UNKNOWN = "side not known"


class Distance(StrEnum):
    """How much of the frame it takes."""

    CLOSE = "close"
    MIDDLE = "at middle distance"
    FAR = "from afar"
    UNKNOWN = "distance not known"


class Light(StrEnum):
    """How bright the frame is around it."""

    DARK = "in the dark"
    DIM = "in dim light"
    BRIGHT = "in bright light"


def view_of(word: str, mask: Mask, *, has_face: bool) -> View:
    """By the face for people, by the outline for what is longer than wide."""
    classes = object_classes(word).exact
    if "person" in classes:
        return View.FACE if has_face else View.NO_FACE
    if not _LONG & set(classes):
        return View.UNKNOWN
    proportion = mask.shape[1] / mask.shape[0]
    return View.SIDE if proportion >= _WIDE else View.END if proportion <= _NARROW else View.SLANTED


def views_of(word: str) -> tuple[View, ...]:
    """Those in which a thing that the word means can be seen, as far as `view_of` tells."""
    classes = object_classes(word).exact
    if "person" in classes:
        return (View.FACE, View.NO_FACE)
    return (View.SIDE, View.SLANTED, View.END) if _LONG & set(classes) else ()


def distance_of(share: float | None) -> Distance:
    """By the share of the frame's height or width that it takes, whichever is more."""
    if share is None:
        return Distance.UNKNOWN
    return Distance.CLOSE if share >= _CLOSE else Distance.FAR if share <= _FAR else Distance.MIDDLE


def light_of(frame: Image) -> Light:
    """By the frame's mean luma: that of the subject alone would take a black dog for night."""
    luma = float(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).mean())
    return Light.DARK if luma < _DARK else Light.BRIGHT if luma >= _BRIGHT else Light.DIM


def inside_faces(faces: list[FaceBox], mask: Mask) -> list[FaceBox]:
    """The faces that lie in the mask for the greater part."""
    return [face for face in faces if _share_inside(face, mask) >= _FACE_INSIDE]


def _share_inside(face: FaceBox, mask: Mask) -> float:
    x0, y0, x1, y1 = (max(0, round(value)) for value in face[:4])
    window = mask[y0:y1, x0:x1]
    return float(np.mean(window)) if window.size else 0.0
