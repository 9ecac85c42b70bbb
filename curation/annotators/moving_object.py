"""Finds the one subject of a clip by its motion: class-agnostic, no weights, camera motion removed.

Motion sees that something moves, not what it is. So it answers only when the caption names exactly one subject: then
the thing that moves most like a subject is bound to that word. With two subjects it cannot tell which is which, and
answers nothing; nor does it answer for objects and backgrounds, which mostly stand still or move with the subject.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from curation.annotators.motion_evidence import motion_evidence
from curation.annotators.moving_object_colors import color_histogram, color_similarity
from curation.annotators.moving_object_outline import outline_objects
from curation.annotators.moving_object_regions import (
    FrameEvidence,
    choose_regions,
    frame_evidence,
    iou,
    motion_contrast,
)
from curation.annotators.protocols import Scene
from curation.records import EntityWord, Image, LocatedEntity, Mask, ReferenceFrame
from curation.reference_quality import border_contact
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind

_REVISION: Final = "1"

# The agreement of an object that was found in one frame only: nothing confirms it.
_UNCONFIRMED: Final = 0.3

# The guided filter's window at working size, and the variance of grey below which a window counts as flat.
_WINDOW: Final = (7, 7)
_FLATNESS: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingObjectConfig:
    """How the moving subject is looked for.

    Attributes:
        min_confidence: sqrt(detection score x mask score) below which a frame is left unanswered.
            Our choice: on 84 frames of seven sequences with hand-drawn masks (`benchmarks/masks.py`), 0.75 answers 87 %
            with a mean IoU of 0.58; 0.85 would answer 54 % with 0.69.
        working_side: pixels on the long side at which outlines are drawn, before they are scaled up.
            Our choice: 320, where a clip takes about a second of CPU and outlines are good to about two pixels of it.
    """

    profile: Literal["moving_object"] = "moving_object"
    min_confidence: float = 0.75
    working_side: int = 320

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is {self.min_confidence}, expected a number in [0, 1]")
        if self.working_side < 64:
            raise ValueError(f"working_side is {self.working_side}, expected at least 64 pixels")


class MovingObjectLocator:
    """An `EntityLocator` that follows motion."""

    def __init__(self, config: MovingObjectConfig) -> None:
        self._config = config

    def describe(self) -> Annotator:
        """Name the rule set; there are no weights."""
        return Annotator(job="locate", name="moving-object", revision=_REVISION)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(timeout_s=120.0)

    def load(self) -> None:
        """Nothing to load."""

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        """Masks of each scene's only subject, in the frames where it moves clearly enough."""
        return [self._locate(scene.frames, scene.words) for scene in scenes]

    def _locate(self, frames: Sequence[ReferenceFrame], words: Sequence[EntityWord]) -> list[LocatedEntity]:
        subjects = [index for index, word in enumerate(words) if word.kind is EntityKind.SUBJECT]
        if len(subjects) != 1:
            return []
        seen = [motion_evidence(frame, long_side=self._config.working_side) for frame in frames]
        evidence = {index: frame_evidence(motion) for index, motion in enumerate(seen) if motion is not None}
        located = []
        for index, found in _find_object(evidence).items():
            if np.sqrt(found.detection_score * found.mask_score) >= self._config.min_confidence:
                located.append(
                    LocatedEntity(
                        word_index=subjects[0],
                        reference_index=index,
                        mask=_enlarge(found.mask, frames[index].image),
                        detection_score=found.detection_score,
                        mask_score=found.mask_score,
                    )
                )
        return located


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """The object in one frame, at working size; see `LocatedEntity` for the scores."""

    mask: Mask
    detection_score: float
    mask_score: float


def _find_object(evidence: Mapping[int, FrameEvidence]) -> dict[int, _Found]:
    """The object in every frame that shows it, by frame index."""
    frames = list(evidence.values())
    regions = choose_regions(frames)
    if not any(regions):
        return {}
    masks = outline_objects(frames, regions)
    colors = [color_histogram([frame.cells], [mask]) for frame, mask in zip(frames, masks, strict=True)]
    found = {}
    for index, frame, region, mask, own in zip(evidence, frames, regions, masks, colors, strict=True):
        if region is None or not mask.any():
            continue
        others = [other for other in colors if other is not own and other.any()]
        agreement = float(np.mean([color_similarity(own, other) for other in others])) if others else _UNCONFIRMED
        contrast = motion_contrast(frame.motion.speed, mask)
        found[index] = _Found(
            mask=mask,
            detection_score=float(np.cbrt(contrast * agreement * frame.motion.camera_fit)),
            mask_score=float(np.sqrt(iou(mask, region.mask) * (1 - border_contact(mask)))),
        )
    return found


def _enlarge(mask: Mask, image: Image) -> Mask:
    """The mask over the full-size frame, its outline drawn to the image's edges (a guided filter, applied upwards)."""
    height, width = image.shape[:2]
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    guide = cv2.resize(gray, mask.shape[::-1], interpolation=cv2.INTER_AREA)
    soft = mask.astype(np.float32)
    mean_guide, mean_soft = cv2.blur(guide, _WINDOW), cv2.blur(soft, _WINDOW)
    covariance = cv2.blur(guide * soft, _WINDOW) - mean_guide * mean_soft
    variance = cv2.blur(guide * guide, _WINDOW) - mean_guide * mean_guide
    slope = covariance / (variance + _FLATNESS)
    offset = mean_soft - slope * mean_guide
    slope, offset = (cv2.resize(cv2.blur(plane, _WINDOW), (width, height)) for plane in (slope, offset))
    enlarged: Mask = slope * gray + offset > 0.5
    return enlarged
