"""Cuts every located entity out of the reference frames, and keeps the pictures that are good enough (3.1)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np

from curation.annotators.protocols import CutoutEncoder, FaceBox, FaceDetector
from curation.entity_words.phrases import names_person
from curation.records import Clip, EntityWord
from curation.references.crops import ReferenceCrop, cut_face, cut_references, located_words
from curation.references.duplicates import duplicate_words
from curation.references.frames import frames_to_cut
from curation.references.quality import Vector, agreement, likeness
from curation.stage import Resources
from dataset_schema import Annotator, Entity, EntityKind, Reason, ReferenceImage
from storage.configs import PRESET_ONLY

Vectors: TypeAlias = Mapping[ReferenceCrop, Vector]


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
        min_face_inside: least share of a face's box that the entity's mask covers: three quarters of the oval in it,
            and more than half, so that no other entity can have it too.

    All pictures that pass are kept, as in the paper: with three frames at most three of an entity, and as many faces.
    A word means one person here (A.2), so a picture of a person with several faces in its mask is left out.
    """

    min_area: float = 0.01
    max_area: float = 0.90
    min_short_side: int = 48
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
    min_face_inside: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.min_area < self.max_area <= 1:
            raise ValueError(
                f"min_area is {self.min_area} and max_area {self.max_area}, expected 0 <= min_area < max_area <= 1"
            )
        if not 0 <= self.min_likeness < self.max_likeness <= 1:
            raise ValueError(
                f"min_likeness is {self.min_likeness} and max_likeness {self.max_likeness}, expected 0 <= min_likeness "
                "< max_likeness <= 1"
            )


class _Judged(NamedTuple):
    """A picture, and every threshold it misses by itself."""

    picture: ReferenceCrop
    flaws: tuple[str, ...]


class _Likeness(NamedTuple):
    """How much a picture looks like the entity's others, and like those inside the clip."""

    agreement: float | None
    to_clip: float | None


class ReferenceImages:
    """Turns masks into reference images; rejects clips whose subjects have none.

    Where frames from another time of the shot are given, pictures are cut from them alone, and those inside the clip
    tell whether they show the same thing.
    """

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
        """Fill `entities`: one for every entity word, with its good reference images or none.

        The encoder sees the pictures of all clips at once.
        """
        pictures = [self._usable_pictures(clip) for clip in clips]
        all_pictures = [picture for some in pictures for picture in some]
        vectors: Vectors = {}
        if all_pictures:
            encoded = self._encoder.encode([picture.cutout for picture in all_pictures])
            vectors = dict(zip(all_pictures, encoded, strict=True))
        return [self._with_entities(clip, some, vectors) for clip, some in zip(clips, pictures, strict=True)]

    def decide(self, clip: Clip) -> tuple[Reason, ...]:
        """`no_usable_reference`: no subject has a reference image."""
        if any(entity.kind is EntityKind.SUBJECT and entity.references for entity in clip.entities or ()):
            return ()
        _, words, _ = located_words(clip)
        # Agreement leaves one picture at least; of those without flaws of their own, only the likeness can take all, or
        # that they show several people.
        band = f"likeness to the clip not in [{self._config.min_likeness}, {self._config.max_likeness}]"
        fallen = [
            f"{words[picture.word_index].word!r} at {picture.frame.time_s:.2f} s: "
            + (", ".join(flaws) or (f"several faces, or {band}" if _is_person(words[picture.word_index]) else band))
            for picture, flaws in self.judge(clip)
            if words[picture.word_index].kind is EntityKind.SUBJECT and not picture.is_for_comparison
        ]
        detail = "; ".join(fallen) or "no mask of a subject to cut from"
        return (Reason(stage=self.name, reason="no_usable_reference", detail=detail),)

    def _usable_pictures(self, clip: Clip) -> list[ReferenceCrop]:
        """Pictures without flaws, and the faces in those of people; none of several people."""
        _, words, _ = located_words(clip)
        usable = [picture for picture, flaws in self.judge(clip) if not flaws]
        people = [picture for picture in usable if _is_person(words[picture.word_index])]
        faces = {person: self._faces_in(person) for person in people}
        single = [picture for picture in usable if len(faces.get(picture, ())) < 2]
        return single + [cut_face(person, faces[person][0]) for person in single if faces.get(person)]

    def judge(self, clip: Clip) -> list[_Judged]:
        """Every mask's picture, in order of words and frames; none of words that are second names."""
        frames, words, _ = located_words(clip)
        pictures = cut_references(clip, self._duplicates(clip))
        found = Counter(picture.word_index for picture in pictures if not picture.is_for_comparison)
        min_frames = min(self._config.min_frames, len(frames_to_cut(frames)))
        judged = []
        for picture in pictures:
            flaws = self._flaws(picture, words[picture.word_index].kind)
            if found[picture.word_index] < min_frames and not picture.is_for_comparison:
                flaws += (f"found in {found[picture.word_index]} frames < {min_frames}",)
            judged.append(_Judged(picture, flaws))
        in_clip = {picture.word_index for picture, flaws in judged if picture.is_for_comparison and not flaws}
        if not any(frame.is_outside for frame in frames.reference_frames):
            return judged
        return [
            _Judged(picture, flaws if picture.word_index in in_clip else (*flaws, "not well visible inside the clip"))
            for picture, flaws in judged
        ]

    def _flaws(self, picture: ReferenceCrop, kind: EntityKind) -> tuple[str, ...]:
        """Every threshold that a picture misses by itself."""
        config, quality = self._config, picture.quality
        x0, y0, x1, y1 = picture.box
        short_side = min(x1 - x0, y1 - y0)
        checks = (
            (quality.area >= config.min_area, f"area {quality.area:.4f} < {config.min_area}"),
            (quality.area <= config.max_area, f"area {quality.area:.2f} > {config.max_area}"),
            (short_side >= config.min_short_side, f"short side {short_side} px < {config.min_short_side}"),
            (
                quality.largest_fragment >= config.min_largest_fragment,
                f"largest fragment {quality.largest_fragment:.2f} < {config.min_largest_fragment}",
            ),
            (quality.fill >= config.min_fill, f"fill {quality.fill:.2f} < {config.min_fill}"),
            (
                quality.border_contact <= config.max_border_contact,
                f"border contact {quality.border_contact:.2f} > {config.max_border_contact}",
            ),
            (
                kind is not EntityKind.SUBJECT or quality.overlap <= config.max_overlap,
                f"overlap {quality.overlap:.2f} > {config.max_overlap}",
            ),
            (
                quality.sharpness >= config.min_sharpness,
                f"sharpness {quality.sharpness:.1f} < {config.min_sharpness}",
            ),
        )
        return tuple(flaw for passed, flaw in checks if not passed)

    def _faces_in(self, person: ReferenceCrop) -> list[FaceBox]:
        """The faces that are large enough and inside the mask, best first, in pixels of the frame."""
        config = self._config
        left, top, right, bottom = _with_margin(person.box)
        window = np.ascontiguousarray(person.frame.image[top:bottom, left:right])
        faces = []
        for found in self._faces.detect(window):
            face = FaceBox(left + found.x0, top + found.y0, left + found.x1, top + found.y1, found.score)
            x0, y0, x1, y1 = (round(value) for value in face[:4])
            inside = person.mask[y0:y1, x0:x1]
            if (
                face.score >= config.min_face_score
                and min(inside.shape) >= config.min_face_side
                and inside.mean() >= config.min_face_inside
            ):
                faces.append(face)
        return faces

    def _with_entities(self, clip: Clip, pictures: Sequence[ReferenceCrop], vectors: Vectors) -> Clip:
        _, words, _ = located_words(clip)
        seconds = self._duplicates(clip)
        entities = []
        for index, word in enumerate(words):
            own = [picture for picture in pictures if picture.word_index == index]
            entities.append(
                Entity(
                    word=word.word,
                    kind=word.kind,
                    start=word.start,
                    end=word.end,
                    references=self._references(clip, own, vectors),
                    same_as=words[seconds[index]].word if index in seconds else None,
                )
            )
        return replace(clip, entities=tuple(entities))

    def _references(
        self, clip: Clip, pictures: Sequence[ReferenceCrop], vectors: Vectors
    ) -> tuple[ReferenceImage, ...]:
        """The pictures of one entity that belong together, then the faces in them."""
        if clip.media is None:
            raise ValueError(f"clip {clip.clip_id} has no media facts; run the decode stage first")
        wholes = self._agreeing([picture for picture in pictures if not picture.is_face], vectors)
        kept = {picture.frame for picture in wholes}
        faces = [p for p in pictures if p.is_face and (p.is_for_comparison or p.frame in kept)]
        chosen = wholes | self._agreeing(faces, vectors)
        return tuple(
            picture.published(clip.media, agreement=alike, likeness_to_clip=to_clip)
            for picture, (alike, to_clip) in chosen.items()
        )

    def _agreeing(self, pictures: Sequence[ReferenceCrop], vectors: Vectors) -> dict[ReferenceCrop, _Likeness]:
        """Those that are near enough to the clip's own pictures and to one another, with both likenesses."""
        config = self._config
        cut = [picture for picture in pictures if not picture.is_for_comparison]
        in_clip = [vectors[picture] for picture in pictures if picture.is_for_comparison]
        to_clip = dict(zip(cut, likeness([vectors[picture] for picture in cut], in_clip), strict=True))
        near = [
            p for p, value in to_clip.items() if value is None or config.min_likeness <= value <= config.max_likeness
        ]
        alike = dict(zip(near, agreement([vectors[picture] for picture in near]), strict=True))
        agreeing = [p for p, value in alike.items() if value is None or value >= config.min_agreement]
        if near and not agreeing:
            agreeing = [max(near, key=lambda picture: picture.detection_score * picture.mask_score)]
        return {picture: _Likeness(alike[picture], to_clip[picture]) for picture in agreeing}

    def _duplicates(self, clip: Clip) -> dict[int, int]:
        _, words, located = located_words(clip)
        return duplicate_words(words, located, above_iou=self._config.same_mask_iou)


def _with_margin(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The box with a quarter of its long side added all around, not beyond the frame's top and left."""
    x0, y0, x1, y1 = box
    margin = max(x1 - x0, y1 - y0) // 4
    return max(0, x0 - margin), max(0, y0 - margin), x1 + margin, y1 + margin


def _is_person(word: EntityWord) -> bool:
    return word.kind is EntityKind.SUBJECT and names_person(word.word)
