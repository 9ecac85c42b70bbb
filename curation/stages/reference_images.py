"""Cuts every located entity out of the reference frames, and keeps the pictures that are good enough (3.1)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from curation.annotators.protocols import CutoutEncoder, FaceBox, FaceDetector
from curation.entity_words.phrases import names_person
from curation.records import Clip, EntityWord
from curation.references.crops import ReferenceCrop, cut_face, cut_given_face, cut_references, located_words
from curation.references.duplicates import duplicate_words
from curation.references.quality import Vector, cosines
from curation.rules import About, Bound, Facts, Rule
from curation.stage import Resources, Stage
from dataset_schema import Annotator, Entity, EntityKind
from storage.configs import PRESET_ONLY, strict
from storage.numbers import expect_at_least, expect_share

Vectors: TypeAlias = Mapping[ReferenceCrop, Vector]


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImagesConfig:
    """Which pictures are good enough to be reference images. Our choice, all of them: the paper names no threshold.

    Attributes:
        min_area: of a subject: least share of the frame. Smaller masks are more often wrong than right.
        max_area: largest share of the frame. Beyond it there is no background left, and mostly the mask is wrong.
        min_short_side: of a subject: least side of the crop, pixels: a fifth of the image encoder's 224.
        min_object_area: the same for objects, which are mostly held, thrown or eaten: 43 x 43 pixels of 1280 x 720.
        min_object_short_side: the same for objects: as for faces, which are parts of somebody too.
        min_largest_fragment: a mask in pieces is an occluded entity or a bad mask.
        max_border_contact: most of the outline that may lie on the frame's border. A person cut at the waist has
            about a fifth there; beyond two fifths the entity is mostly outside.
        min_fill: least share of its box that the mask fills: a swan with its neck up fills a third, a dog behind a
            fence less than a quarter. `solidity` has no threshold: the swan's is a half, like a mask's with bites.
        max_overlap: most of a subject's mask that another subject's mask may cover. Objects are exempt: coffee is
            inside its cup.
        min_sharpness: least variance of the Laplacian. Dim and blurred crops that still show their entity reach 7; a
            thing of 30 pixels, enlarged, 4.
        min_agreement: least cosine to another picture of the entity. A picture below it shows something else than the
            others do and is left out; where all are below, nobody knows which is wrong, and the one that was located
            most surely stays. Cosines are those of the encoder in use, here and in the band below; half is what is
            proposed for DINOv2, and less than the embedded histograms give one thing in two poses (0.78).
        min_frames: least number of frames, of those that references are cut from, in which a word is found. 1 like the
            paper, which keeps every crop; 2 asks for a second one, so that agreement means something.
        same_mask_iou: two words whose masks have a greater IoU in most frames name one thing; the better word gets the
            pictures.
        min_likeness: of a picture from outside the clip: least mean cosine to the same word's pictures inside it; below
            it another subject is likelier. OpenS2V-5M pairs clips of one video from 0.6 on.
        max_likeness: greatest such likeness; above it the picture is a copy of the clip. 1 is off, because the bound
            depends on the encoder and on how much things move: by the embedded histograms a thing is .98 like itself in
            the next frame and .78 to .99 two seconds later, and dark things are .9 like one another.
        min_face_score: least score of a face.
        min_face_side: least side of a face crop, pixels.
        min_face_sharpness: as `min_sharpness`, for faces, which have less texture: of 27 good ones in real clips the
            least has 2.5; faces that their publisher blurred have 1.9 and 2.1.
        min_face_inside: least share of a face's box that the entity's mask covers: three quarters of the oval in it,
            and more than half, so that no other entity can have it too.

    All pictures that pass are kept, as in the paper: with three frames at most three of an entity, and as many faces.
    A word means one person here (A.2), so a picture of a person with several faces in its mask is left out.
    """

    min_area: float = 0.01
    max_area: float = 0.90
    min_short_side: int = 48
    min_object_area: float = 0.002
    min_object_short_side: int = 32
    min_largest_fragment: float = 0.8
    min_fill: float = 0.25
    max_border_contact: float = 0.4
    max_overlap: float = 0.5
    min_sharpness: float = 5.0
    min_agreement: float = 0.5
    min_frames: int = 1
    same_mask_iou: float = field(default=0.85, metadata=PRESET_ONLY)
    min_likeness: float = 0.6
    max_likeness: float = 1.0
    min_face_score: float = 0.5
    min_face_side: int = 32
    min_face_sharpness: float = 2.3
    min_face_inside: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.min_area < self.max_area <= 1:
            raise ValueError(
                f"min_area is {self.min_area} and max_area {self.max_area}, expected 0 <= min_area < max_area <= 1"
            )
        if not 0 <= self.min_object_area < self.max_area:
            raise ValueError(
                f"min_object_area is {self.min_object_area} and max_area {self.max_area}, expected 0 <= "
                "min_object_area < max_area"
            )
        if not 0 <= self.min_likeness < self.max_likeness <= 1:
            raise ValueError(
                f"min_likeness is {self.min_likeness} and max_likeness {self.max_likeness}, expected 0 <= min_likeness "
                "< max_likeness <= 1"
            )
        if not -1 <= self.min_agreement <= 1:
            raise ValueError(f"min_agreement is {self.min_agreement}, expected a cosine, -1 to 1")
        shares = ("min_largest_fragment", "min_fill", "max_border_contact", "max_overlap", "same_mask_iou")
        expect_share("reference stage", self, *shares, "min_face_score", "min_face_inside")
        sides = ("min_short_side", "min_object_short_side", "min_face_side")
        expect_at_least(0, "reference stage", self, *sides, "min_sharpness", "min_face_sharpness")
        expect_at_least(1, "reference stage", self, "min_frames")


class ReferenceImages(Stage):
    """Turns masks into pictures and measures them; rejects clips whose subjects have no good one.

    Where frames from another time of the shot are given, pictures are cut from them alone, and those inside the clip
    tell whether they show the same thing.
    """

    name: ClassVar[str] = "reference_images"
    reads: ClassVar[frozenset[str]] = frozenset({"media", "frames", "located", "entity_words"})
    adds: ClassVar[frozenset[str]] = frozenset({"entities", "pictures"})

    def __init__(self, config: ReferenceImagesConfig, faces: FaceDetector, encoder: CutoutEncoder) -> None:
        self._config = config
        self._faces = faces
        self._encoder = encoder

    @property
    def resources(self) -> Resources:
        """Those of the face detector and of the encoder."""
        return self._faces.resources + self._encoder.resources

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What a good picture is, and that a subject has one."""
        return (*picture_rules(self._config), *face_rules(self._config), _SUBJECT_HAS_REFERENCE)

    def annotators(self) -> tuple[Annotator, ...]:
        """The face detector and the encoder."""
        return (self._faces.describe(), self._encoder.describe())

    def setup(self) -> None:
        """Load both."""
        self._faces.load()
        self._encoder.load()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """Fill `entities`: one for every entity word, with every picture of it and every face in them, good or not.

        The encoder sees the pictures of all clips at once.
        """
        crops = [self._crops(clip) for clip in clips]
        all_crops = [crop for some in crops for crop in some]
        vectors: Vectors = {}
        if all_crops:
            vectors = dict(zip(all_crops, self._encoder.encode([crop.cutout for crop in all_crops]), strict=True))
        return [self._with_entities(clip, some, vectors) for clip, some in zip(clips, crops, strict=True)]

    def measured(self, clip: Clip) -> str:
        """How many good pictures each word has."""
        kept = [(entity.word, len(entity.references)) for entity in clip.entities or () if entity.references]
        faces = sum(reference.is_face for entity in clip.entities or () for reference in entity.references)
        counts = ", ".join(f"{count} of {word!r}" for word, count in kept) or "none good enough"
        return f"{counts}{f'; {faces} of them faces' if faces else ''}"

    def _crops(self, clip: Clip) -> list[ReferenceCrop]:
        """Every mask's picture, in order of words and frames, and then the faces in those of people.

        Where faces came with the clip, none is looked for. Nor is one in pictures from other videos: the frame of a
        face tells whose it is, and those have none in the dataset.
        """
        _, words, _ = located_words(clip)
        wholes = cut_references(clip, self._duplicates(clip))
        faces = [cut_given_face(whole) for whole in wholes]
        if not any(faces):
            people = [w for w in wholes if _is_person(words[w.word_index]) and not w.frame.is_elsewhere]
            faces = [cut_face(person, face) for person in people for face in self._faces_in(person)]
        return wholes + [face for face in faces if face is not None]

    def _faces_in(self, person: ReferenceCrop) -> list[FaceBox]:
        """Best first, in pixels of the frame."""
        left, top, right, bottom = _with_margin(person.box)
        window = np.ascontiguousarray(person.frame.image[top:bottom, left:right])
        return [
            FaceBox(left + found.x0, top + found.y0, left + found.x1, top + found.y1, found.score)
            for found in self._faces.detect(window)
        ]

    def _with_entities(self, clip: Clip, crops: Sequence[ReferenceCrop], vectors: Vectors) -> Clip:
        _, words, _ = located_words(clip)
        if clip.media is None:
            raise ValueError(f"clip {clip.clip_id} has no media facts; run the decode stage first")
        seconds = self._duplicates(clip)
        entities = []
        for index, word in enumerate(words):
            own = [crop for crop in crops if crop.word_index == index]
            alike = cosines([vectors[crop] for crop in own], [crop.is_face for crop in own])
            entities.append(
                Entity(
                    word=word.word,
                    kind=word.kind,
                    start=word.start,
                    end=word.end,
                    references=tuple(
                        crop.reference(clip.media, place=place, likeness=row)
                        for place, (crop, row) in enumerate(zip(own, alike, strict=True))
                    ),
                    same_as=words[seconds[index]].word if index in seconds else None,
                )
            )
        return replace(clip, entities=tuple(entities)).with_scores(pictures=len(crops))

    def _duplicates(self, clip: Clip) -> dict[int, int]:
        _, words, located = located_words(clip)
        return duplicate_words(words, located, above_iou=self._config.same_mask_iou)


_SUBJECT_HAS_REFERENCE = Rule(
    code="no_usable_reference",
    reads="usable_references",
    bound=Bound.AT_LEAST,
    limit=1,
    sentence="{flaws_of_subjects}",
    plain="no good picture",
    advice="give a clip that shows the subject larger, sharper and whole; the limits are --curation.reference-images.*",
)


class _Limit(NamedTuple):
    """A limit of pictures; `form` is how its values are written, `kind` the only kind of entity that it is about."""

    code: str
    reads: str
    bound: Bound
    limit: float
    form: str
    plain: str
    kind: EntityKind | None = None

    def rule(self, about: About) -> Rule:
        """As a rule about whole pictures, or about faces."""
        beyond = "<" if self.bound is Bound.AT_LEAST else ">"
        return Rule(
            code=self.code,
            reads=self.reads,
            bound=self.bound,
            limit=self.limit,
            sentence=f"{self.reads.replace('_', ' ')} {self.form} {beyond} {{limit:g}}",
            plain=self.plain,
            about=about,
            value_of=_VALUES.get(self.reads) if self.kind is None else partial(_of_kind, self.kind, self.reads),
        )


def picture_rules(config: ReferenceImagesConfig) -> tuple[Rule, ...]:
    """What a good picture of an entity is, by itself and then beside the others."""
    least, most = Bound.AT_LEAST, Bound.AT_MOST
    subject, thing = EntityKind.SUBJECT, EntityKind.OBJECT
    limits = (
        _Limit("too_small", "area", least, config.min_area, "{value:.4f}", "too small", subject),
        _Limit("small_object", "area", least, config.min_object_area, "{value:.4f}", "too small", thing),
        _Limit("too_large", "area", most, config.max_area, "{value:.2f}", "too large"),
        _Limit("too_few_pixels", "short_side", least, config.min_short_side, "{value} px", "too small", subject),
        _Limit(
            "object_of_few_pixels", "short_side", least, config.min_object_short_side, "{value} px", "too small", thing
        ),
        _Limit("in_pieces", "largest_fragment", least, config.min_largest_fragment, "{value:.2f}", "in pieces"),
        _Limit("thin", "fill", least, config.min_fill, "{value:.2f}", "thin or full of holes"),
        _Limit("cut_off", "border_contact", most, config.max_border_contact, "{value:.2f}", "cut off by the frame"),
        _Limit("covered", "overlap", most, config.max_overlap, "{value:.2f}", "another subject covers it", subject),
        _Limit("blurred", "sharpness", least, config.min_sharpness, "{value:.1f}", "blurred"),
        _Limit("seldom_found", "found_frames", least, config.min_frames, "{value}", "found in too few frames"),
        _Limit("not_in_clip", "seen_in_clip", least, 1, "{value}", "not well visible inside the clip"),
        _Limit("several_faces", "faces", most, 1, "{value}", "several faces in it"),
        *_likeness_limits(config),
    )
    return tuple(limit.rule(About.REFERENCE_IMAGE) for limit in limits)


def face_rules(config: ReferenceImagesConfig) -> tuple[Rule, ...]:
    """What a good picture of a face is: in a good picture of the person, whose face it is."""
    least = Bound.AT_LEAST
    limits = (
        _Limit("unsure_face", "detection_score", least, config.min_face_score, "{value:.2f}", "hardly a face"),
        _Limit("small_face", "short_side", least, config.min_face_side, "{value} px", "too small"),
        _Limit("blurred_face", "sharpness", least, config.min_face_sharpness, "{value:.1f}", "blurred"),
        _Limit("another_face", "face_inside", least, config.min_face_inside, "{value:.2f}", "mostly outside the mask"),
        _Limit("whole_left_out", "whole_is_good", least, 1, "{value}", "the whole picture is left out"),
        *_likeness_limits(config),
    )
    return tuple(limit.rule(About.FACE) for limit in limits)


def _likeness_limits(config: ReferenceImagesConfig) -> tuple[_Limit, ...]:
    least, most = Bound.AT_LEAST, Bound.AT_MOST
    return (
        _Limit("unlike_clip", "likeness_to_clip", least, config.min_likeness, "{value:.2f}", "unlike the clip"),
        _Limit("copy_of_clip", "likeness_to_clip", most, config.max_likeness, "{value:.2f}", "a copy of the clip"),
        _Limit("unlike_others", "agreement", least, config.min_agreement, "{value:.2f}", "unlike its other pictures"),
    )


def _of_kind(kind: EntityKind, reads: str, facts: Facts) -> Any:
    return facts[reads] if facts["kind"] is kind else None


def _frames_of_several(facts: Facts) -> Any:
    """How many frames it is in; None where that is all there are."""
    found, frames = facts["found_frames"], facts["reference_frames"]
    return None if found is None or (frames is not None and found >= frames) else found


_VALUES: Mapping[str, Callable[[Facts], Any]] = {"found_frames": _frames_of_several}


def _with_margin(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The box with a quarter of its long side added all around, not beyond the frame's top and left."""
    x0, y0, x1, y1 = box
    margin = max(x1 - x0, y1 - y0) // 4
    return max(0, x0 - margin), max(0, y0 - margin), x1 + margin, y1 + margin


def _is_person(word: EntityWord) -> bool:
    return word.kind is EntityKind.SUBJECT and names_person(word.word)
