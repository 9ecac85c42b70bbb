"""What one published clip is: a sample, a rejection or a failure. Frozen records that check themselves.

Spans are half-open `[start, end)`; seconds are presentation time of the source file; boxes are pixels of the clip's
upright, square-pixel frame; images are PNG (references RGBA, transparent outside the mask); scores lie in [0, 1]
unless said. A field with a default is a column that older datasets, and selections by other tools, may lack.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any

_ID = re.compile(r"[0-9a-f]{16,64}(-[0-9a-z]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")

# Which feature of the `datasets` library shows a payload; without it, `Image`.
SHOWN_AS_VIDEO: Mapping[str, Any] = MappingProxyType({"feature": {"_type": "Video", "decode": False}})

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


class FailureKind(StrEnum):
    """Why a clip was lost, as far as it matters for trying again."""

    INPUT = "input"  # the manifest row or the file is not what it should be
    CORRUPT = "corrupt"  # the file opens, but cannot be decoded
    IO = "io"  # reading or writing failed; may pass
    TIMEOUT = "timeout"  # took longer than allowed; may pass
    MEMORY = "memory"  # needed more memory than allowed
    CRASH = "crash"  # killed its worker process
    ANNOTATOR = "annotator"  # a network gave no usable answer
    INTERNAL = "internal"  # a defect of this program: please report it


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a clip comes from.

    Attributes:
        id: names the manifest row, so that all clips of one source can be found.
        start_s: None for a whole file; so is `end_s`.
        num_clips: how many clips of the source there are.
        licence: word for word as the manifest has it, as are consent and rights holder; None where it says nothing,
            and before schema 3.5.
        content_sha256: SHA-256 of the whole file's bytes, also where the source is a span of it; None where nobody read
            them: a clip that was rejected by its caption, or that could not be opened.
        perceptual_hash: of what the source shows, where that was asked for (`--curation.decode.perceptual-hash`).
    """

    id: str
    uri: str
    start_s: float | None = None
    end_s: float | None = None
    num_clips: int = 1
    licence: str | None = None
    consent: str | None = None
    rights_holder: str | None = None
    content_sha256: str | None = None
    perceptual_hash: str | None = None

    def __post_init__(self) -> None:
        if self.content_sha256 is not None and not _SHA256.fullmatch(self.content_sha256):
            raise ValueError(
                f"source {self.uri} has content_sha256 {self.content_sha256!r}, expected 64 hexadecimal digits"
            )
        if self.start_s is not None and self.end_s is not None and not 0 <= self.start_s < self.end_s:
            raise ValueError(f"source {self.uri} has span [{self.start_s}, {self.end_s}), expected 0 <= start < end")
        if self.num_clips < 1:
            raise ValueError(f"source {self.uri} has num_clips {self.num_clips}, expected at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Bytes of an image or a video, or the path they lie at; the pair that `datasets` decodes."""

    bytes: "bytes | None" = None
    path: str | None = None

    def __post_init__(self) -> None:
        if self.bytes is None and self.path is None:
            raise ValueError("payload has neither bytes nor path, expected at least one")


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
class MediaFacts:
    """What probing and decoding found; nothing here is taken from the container without saying so.

    Attributes:
        width: pixels after rotation and sample aspect ratio, as a viewer shows them; so is `height`.
        declared_frames: from the container; None where it does not say.
        decoded_frames: frames that really came out.
        duration_s: from the first presentation time to the end of the last frame.
        damage: what is wrong with a file that still decodes, None for a sound one.
        longest_frame_s: how long the frame is shown that is shown longest; None in datasets before schema 3.1.
    """

    container: str
    codec: str
    width: int
    height: int
    declared_frames: int | None
    decoded_frames: int
    duration_s: float
    fps: float
    is_vfr: bool
    rotation_deg: int
    sample_aspect_ratio: float
    color_transfer: str | None
    is_interlaced: bool
    has_audio: bool
    damage: str | None = None
    longest_frame_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What was measured on a clip; None where no stage came that far. Decisions are derived from these.

    Attributes:
        level_range: largest difference of levels within a frame, 0 to 255; a clip that shows nothing has a small one.
        shot_change: highest per-frame probability of a shot change (A.1).
        shots: how many shots the source was split into; None where it was not to be split.
        desirable: probability of the class, as are the four undesirable ones (A.1); the five sum to one.
        subject_confidence: how sure the localiser is of the best subject's masks.
        ambiguous_subjects: how many subject words fit several places and none surely.
        reference_frames: how many frames reference images are cut from.
        comparison_frames: how many frames inside the clip those are compared with; 0 where they are cut from the clip.
        pictures: how many pictures of entities were cut, good or not.
        background_leak: what is left of the entities in the inpainted background, as far as the leak check of the run
            sees it; 0 is clean.
        loudness_lufs: integrated loudness of the sound (ITU-R BS.1770-4), -70 at the least; None where the clip has no
            sound, or nobody listened, as before schema 3.4.
        silence: the share of the clip in which its sound is silent; None as for the loudness.
        more: scores of other stages than the project's own, by name; any number.

    Raises:
        ValueError: another stage's score has the name of one above, no name, or is no number.
    """

    level_range: float | None = None
    shot_change: float | None = None
    shots: float | None = None
    desirable: float | None = None
    still_foreground: float | None = None
    slight_motion: float | None = None
    screen_in_screen: float | None = None
    screen_recording: float | None = None
    subject_confidence: float | None = None
    ambiguous_subjects: float | None = None
    reference_frames: float | None = None
    comparison_frames: float | None = None
    pictures: float | None = None
    background_leak: float | None = None
    loudness_lufs: float | None = None
    silence: float | None = None
    more: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.more.items():
            if not name.isidentifier() or name in CORE_SCORES:
                raise ValueError(
                    f"a score is named {name!r}, expected a word of letters, digits and _ that is none of "
                    f"{', '.join(sorted(CORE_SCORES))}"
                )
            if not math.isfinite(value):
                raise ValueError(f"score {name} is {value}, expected a number")

    def known(self) -> dict[str, float]:
        """Every score that was measured, by name."""
        own = {name: value for name in sorted(CORE_SCORES) if (value := getattr(self, name)) is not None}
        return {**own, **self.more}


CORE_SCORES = frozenset(each.name for each in fields(Scores)) - {"more"}

# Those that lie in [0, 1].
SHARE_SCORES = CORE_SCORES - {
    *("level_range", "shots", "ambiguous_subjects", "reference_frames", "comparison_frames", "pictures"),
    "loudness_lufs",
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One broken rule: the stage that found it, a code to count by, and a sentence for people."""

    stage: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A kept clip: one row of `samples/`.

    Attributes:
        video: what to decode; a `span` dataset has only a path, and `source` says which part of it.
        video_start_s: presentation time in `video` where the clip starts: 0 unless `video` is the whole source.
        extra: the manifest's other columns as a JSON object.

    Raises:
        ValueError: an entity word is not the caption's text at its span, it is the same as a word that is not there,
            or the bucket is malformed.
    """

    clip_id: str
    source: Source
    caption: str
    video: Payload = field(metadata=SHOWN_AS_VIDEO)
    video_start_s: float
    num_frames: int
    fps: float
    height: int
    width: int
    bucket: str
    media: MediaFacts
    scores: Scores
    entities: tuple[Entity, ...]
    background: Background | None
    extra: str = "{}"

    def __post_init__(self) -> None:
        check_clip_id(self.clip_id)
        if not re.fullmatch(r"\d+x\d+x\d+", self.bucket):
            raise ValueError(f"clip {self.clip_id} has bucket {self.bucket!r}, expected FRAMESxHEIGHTxWIDTH")
        others = {entity.word for entity in self.entities if entity.same_as is None}
        for entity in self.entities:
            found = self.caption[entity.start : entity.end]
            if not entity.word or found != entity.word:
                raise ValueError(
                    f"clip {self.clip_id}: entity word {entity.word!r} at [{entity.start}, {entity.end}): the caption "
                    f"reads {found!r} there, expected the same text"
                )
            if entity.same_as is not None and entity.same_as not in others:
                raise ValueError(
                    f"clip {self.clip_id}: entity word {entity.word!r} is the same as {entity.same_as!r}, expected one "
                    f"of {sorted(others)}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedClip:
    """A clip removed by a rule: one row of `rejections/`. The first of `reasons` decided; all are listed.

    Attributes:
        entities: its entity words, and the scores of their pictures, as far as it came.
    """

    clip_id: str
    source: Source
    caption: str
    reasons: tuple[Reason, ...]
    scores: Scores
    media: MediaFacts | None = None
    thumbnail: Payload | None = None
    entities: tuple[Entity, ...] = ()

    def __post_init__(self) -> None:
        check_clip_id(self.clip_id)
        if not self.reasons:
            raise ValueError(f"rejected clip {self.clip_id} has no reason, expected at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedClip:
    """A clip lost to an error: one row of `failures/`."""

    clip_id: str
    source: Source
    stage: str
    kind: FailureKind
    error_type: str
    message: str

    def __post_init__(self) -> None:
        check_clip_id(self.clip_id)


def check_clip_id(clip_id: str) -> None:
    """Raise ValueError unless `clip_id` is a hexadecimal digest, with an optional `-suffix`."""
    if not _ID.fullmatch(clip_id):
        raise ValueError(f"clip id is {clip_id!r}, expected 16 to 64 hexadecimal digits")
