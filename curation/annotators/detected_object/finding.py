"""From the words of a clip and its frames to masks: boxes, whose they are, how far each reaches, and how surely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np

from curation.annotators.detected_object.asking import Way, way_of
from curation.annotators.detected_object.binding import Asked, Bound, bind
from curation.annotators.detected_object.candidates import SeenFrame, candidates
from curation.annotators.detected_object.named_colors import has_color, known_colors
from curation.annotators.detected_object.outline_in_box import BoxOutline, outline_in_boxes
from curation.annotators.detected_object.sharing import share_pixels
from curation.annotators.moving_object.answers import Terms, locate_moving
from curation.annotators.moving_object.enlargement import enlarge
from curation.annotators.moving_object.foreground import Foreground
from curation.annotators.moving_object.motion_evidence import motion_evidence, no_motion
from curation.annotators.moving_object.regions import FrameEvidence, frame_evidence
from curation.annotators.protocols import ObjectDetector, Scene
from curation.entity_words.looks import looks_in_caption
from curation.entity_words.object_classes import object_classes
from curation.records import LocatedEntity, Mask, ReferenceFrame
from dataset_schema import EntityKind

# How often a box of this score shows what its word means. Our choice, by count: of boxes of subjects between a quarter
# and a half 24 of 26, above 65 of 70; of objects between 0.3 and 0.4 11 of 14, above 34 of 35. So scores say little:
# what is wrong above a quarter is mostly another thing of the class.
_SCORES: Final = (0.0, 0.25, 0.4, 0.6, 1.0)
_RIGHT: Final = (0.0, 0.85, 0.92, 0.95, 0.98)


class Limits(NamedTuple):
    """What counts; see `DetectedObjectConfig`."""

    subject_score: float
    object_score: float
    near_weight: float
    confidence: float
    motion: float
    by_order: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What a word means in one frame, at working size; see `LocatedEntity` for the scores."""

    word_index: int
    frame_index: int
    is_subject: bool
    outline: BoxOutline
    detection_score: float
    is_ambiguous: bool

    @property
    def confidence(self) -> float:
        """Of both scores."""
        return float(np.sqrt(self.detection_score * self.outline.score))


def locate_words(
    scene: Scene, detector: ObjectDetector, network: Foreground, limits: Limits, *, long_side: int
) -> list[LocatedEntity]:
    """What the words mean in each frame: those with a class by the detector, subjects of no class by their motion.

    Args:
        scene: of one clip.
        detector: loaded.
        network: loaded.
        limits: what counts.
        long_side: pixels of the working size.
    """
    asked = [index for index, word in enumerate(scene.words) if way_of(word) is Way.BY_CLASS]
    unknown = {index: word for index, word in enumerate(scene.words) if way_of(word) is Way.BY_MOTION}
    if not scene.frames or not (asked or unknown):
        return []
    known, followed = _known_frames(scene.frames, network, long_side=long_side)
    seen = _see(scene, known, detector) if asked else []
    questions = [_ask(index, scene, seen, limits) for index in asked]
    found = _outlined(scene, bind(questions, known[0].foreground.shape, by_order=limits.by_order), known, network)
    moving = locate_moving(
        scene.frames,
        {index: known[index] for index in followed},
        unknown,
        network,
        Terms(limits.motion, limits.by_order),
        claimed=_claimed(found),
    )
    return _entities([each for each in found if each.confidence >= limits.confidence], scene.frames) + moving


def _known_frames(
    frames: Sequence[ReferenceFrame], network: Foreground, *, long_side: int
) -> tuple[list[FrameEvidence], list[int]]:
    """What motion, the network and colors say of every frame, and in which of them the camera can be followed.

    In the others nothing moves, as far as anybody knows.
    """
    known, followed = [], []
    for index, frame in enumerate(frames):
        motion = motion_evidence(frame, long_side=long_side)
        if motion is not None:
            followed.append(index)
        motion = motion or no_motion(frame, long_side=long_side)
        whole = network.probability(frame.image)
        size = motion.speed.shape[::-1]
        known.append(frame_evidence(motion, cv2.resize(whole, size, interpolation=cv2.INTER_AREA)))
    return known, followed


def _see(scene: Scene, known: Sequence[FrameEvidence], detector: ObjectDetector) -> list[SeenFrame]:
    """What the detector sees, at working size, and where the colors are that the caption names of its words."""
    said = [looks_in_caption(scene.caption, word).colors for word in scene.words]
    names = known_colors(frozenset().union(*said))
    found = detector.detect([frame.image for frame in scene.frames])
    seen = []
    for frame, evidence, boxes in zip(scene.frames, known, found, strict=True):
        (height, width), (to_height, to_width) = frame.image.shape[:2], evidence.foreground.shape
        scale = np.array([to_width / width, to_height / height] * 2, np.float32)
        named = {name: has_color(evidence.motion.image, name) for name in sorted(names)}
        seen.append(SeenFrame(evidence, boxes._replace(boxes=boxes.boxes * scale), detector.classes, named))
    return seen


def _ask(index: int, scene: Scene, seen: Sequence[SeenFrame], limits: Limits) -> Asked:
    """The boxes of each frame that may show what the word means."""
    word = scene.words[index]
    classes = object_classes(word.word)
    least = limits.subject_score if word.kind is EntityKind.SUBJECT else limits.object_score
    boxes = [candidates(frame, classes, least=least, near_weight=limits.near_weight) for frame in seen]
    return Asked(
        index=index,
        start=word.start,
        classes=classes,
        looks=looks_in_caption(scene.caption, word),
        frames=boxes,
    )


def _outlined(
    scene: Scene, bound: Mapping[int, Bound], known: Sequence[FrameEvidence], network: Foreground
) -> list[Found]:
    """The things of the words in each frame that shows them."""
    images = [frame.image for frame in scene.frames]
    found = []
    for index, (story, is_ambiguous) in bound.items():
        outlines = outline_in_boxes(images, known, story.boxes, network)
        for frame_index, (box, outline) in enumerate(zip(story.boxes, outlines, strict=True)):
            if box is None or outline is None:
                continue
            found.append(
                Found(
                    word_index=index,
                    frame_index=frame_index,
                    is_subject=scene.words[index].kind is EntityKind.SUBJECT,
                    outline=outline,
                    detection_score=float(np.interp(box.score, _SCORES, _RIGHT)),
                    is_ambiguous=is_ambiguous,
                )
            )
    return found


def _claimed(found: Sequence[Found]) -> dict[int, Mask]:
    """What is something that the detector knows, by frame."""
    claimed: dict[int, Mask] = {}
    for each in found:
        mask = each.outline.mask
        claimed[each.frame_index] = claimed.get(each.frame_index, np.zeros_like(mask)) | mask
    return claimed


def _entities(found: Sequence[Found], frames: Sequence[ReferenceFrame]) -> list[LocatedEntity]:
    """With the masks over the full-size frames, in which no pixel is in two; without what has no pixel of its own."""
    entities = []
    for index, frame in enumerate(frames):
        here = [each for each in found if each.frame_index == index]
        shared = share_pixels([each.outline for each in here], [each.is_subject for each in here])
        taken = np.zeros(frame.image.shape[:2], np.bool_)
        for each, small in sorted(zip(here, shared, strict=True), key=lambda pair: int(pair[1].sum())):
            mask = enlarge(small, frame.image) & ~taken
            taken |= mask
            if mask.any():
                entities.append(
                    LocatedEntity(
                        word_index=each.word_index,
                        reference_index=index,
                        mask=mask,
                        detection_score=each.detection_score,
                        mask_score=each.outline.score,
                        is_ambiguous=each.is_ambiguous,
                    )
                )
    return sorted(entities, key=lambda entity: (entity.word_index, entity.reference_index))
