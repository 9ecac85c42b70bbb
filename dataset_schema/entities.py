"""What stands in a clip: entity words with their reference images, and the background."""

import math
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import Any

from dataset_schema.source import Payload

# The scores of a reference that lie in [0, 1].
_SHARES = (
    "detection_score",
    "mask_score",
    "area",
    "largest_fragment",
    "solidity",
    "fill",
    "border_contact",
    "overlap",
    "agreement",
    "likeness_to_clip",
    "face_inside",
)


class EntityKind(StrEnum):
    """The three kinds of entity word (Figure 7)."""

    SUBJECT = "subject"
    OBJECT = "object"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle `[x0, x1) x [y0, y1)` in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (0 <= self.x0 < self.x1 and 0 <= self.y0 < self.y1):
            raise ValueError(
                f"box is ({self.x0}, {self.y0}, {self.x1}, {self.y1}), expected 0 <= x0 < x1, 0 <= y0 < y1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceScores:
    """What was measured on a segmented picture of one entity in one frame (3.1), and tells a good one.

    Of a picture that was given with its word, and not cut from the clip, nothing is known: all of it is None.

    Attributes:
        frame_index: index among the decoded frames of the clip.
        time_s: presentation time in the source file.
        box: of the crop in the frame.
        area: mask pixels / frame pixels.
        sharpness: variance of the Laplacian inside the mask, crop scaled to 256 px on its long side; unbounded.
        largest_fragment: largest connected part / whole mask.
        solidity: mask pixels / pixels of their convex hull; low for spread limbs, and for masks with bites or holes.
        fill: mask pixels / box pixels.
        border_contact: share of the mask's outline that lies on the frame's border.
        overlap: largest share of this mask that the mask of another entity of its kind covers. What a subject wears
            or holds is a part of its picture and no overlap.
        agreement: likeness of this crop to the most similar one of the same entity in another frame; None without one.
        likeness_to_clip: mean likeness of this crop, cut at another time of the shot, to the same entity's crops inside
            the clip; None for a crop from inside the clip.
        is_face: a face crop, cut from the same mask.
        short_side: of the crop, or of a face's own box, in pixels of the frame it was cut from.
        face_inside: of a face crop, the share of the face's box that the entity's mask covers.
        is_for_comparison: from inside the clip although the entity's pictures are cut at another time of its shot: it
            only tells whether those show the same thing.
        place: of this picture among all of its entity's, kept or not.
        likeness: to each of the entity's pictures, by their places: the cosine of two whole pictures or of two faces.
            `agreement` and `likeness_to_clip` follow from it and from which of the others are good.

    Raises:
        ValueError: a score is not in its range, or not a number.
    """

    frame_index: int | None
    time_s: float | None
    box: Box | None
    detection_score: float | None
    mask_score: float | None
    area: float | None
    sharpness: float | None
    largest_fragment: float | None
    solidity: float | None
    fill: float | None
    border_contact: float | None
    overlap: float | None
    agreement: float | None
    likeness_to_clip: float | None
    is_face: bool
    short_side: int | None = None
    face_inside: float | None = None
    is_for_comparison: bool = False
    place: int = 0
    likeness: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        for name in _SHARES:
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"reference at {self.time_s} s has {name} {value}, expected a number in [0, 1]")
        if self.sharpness is not None and not 0 <= self.sharpness < math.inf:
            raise ValueError(f"reference at {self.time_s} s has sharpness {self.sharpness}, expected at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImage(ReferenceScores):
    """A picture of an entity, and its scores; PNG, RGBA, transparent outside the mask.

    What lies below transparent pixels is white where curation cut it, and was black in datasets of before.
    """

    image: Payload


def given_picture(image: Payload, *, place: int) -> ReferenceImage:
    """A picture that was not cut from the clip: nothing is known of it but what it shows."""
    unknown: dict[str, Any] = {each.name: None for each in fields(ReferenceScores) if each.default is MISSING}
    return ReferenceImage(**{**unknown, "is_face": False, "place": place, "image": image})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """An entity word, its place in the caption, and its reference images.

    Attributes:
        word: the caption's own characters, `caption[start:end]`.
        references: the pictures that passed every rule.
        same_as: another entity's word that names the same thing ("person" the same as "woman") and has the references
            of both. Without it nobody could tell a second name from a thing that was not found.
        rejected_references: pictures that broke a rule, and those for comparison: their scores stay, so that the rule
            can be moved.
    """

    word: str
    kind: EntityKind
    start: int
    end: int
    references: tuple[ReferenceImage, ...] = ()
    same_as: str | None = None
    rejected_references: tuple[ReferenceScores, ...] = ()

    def __post_init__(self) -> None:
        if self.same_as is not None and self.references:
            raise ValueError(
                f"entity {self.word!r} is the same as {self.same_as!r} and has {len(self.references)} references, "
                "expected none: they belong to the other word"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The middle frame with every entity painted out (3.1); or a given picture, of which nothing is known; PNG, RGB."""

    frame_index: int | None
    time_s: float | None
    leak: float | None
    image: Payload
