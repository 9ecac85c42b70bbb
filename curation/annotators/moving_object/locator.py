"""Finds the subject of a clip by its motion, camera motion removed, and how far it reaches by a small network.

Motion sees that something moves, not what it is. So it answers only when the caption names exactly one subject: then
the thing that moves most like a subject is bound to that word. With two subjects it cannot tell which is which, and
answers nothing, unless it is told that the captions name them from left to right. Nor does it answer for objects and
backgrounds, which mostly stand still or move with the subject.

Why a network beside it: docs/decisions/0010-a-foreground-network.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np

from curation.annotators.moving_object.colors import color_histogram, color_similarity
from curation.annotators.moving_object.foreground import Foreground, ForegroundNetwork
from curation.annotators.moving_object.foreground_outline import Outline, complete_outlines
from curation.annotators.moving_object.foreground_zoom import zoomed_foreground
from curation.annotators.moving_object.motion_evidence import motion_evidence
from curation.annotators.moving_object.order import left_to_right
from curation.annotators.moving_object.outline import outline_objects
from curation.annotators.moving_object.regions import (
    FrameEvidence,
    Region,
    beside,
    candidate_regions,
    choose_regions,
    frame_evidence,
    rivalry,
)
from curation.annotators.protocols import Scene
from curation.entity_words.phrases import names_person
from curation.masks import border_contact
from curation.records import EntityWord, Image, LocatedEntity, Mask, ReferenceFrame
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind

_REVISION: Final = "2"

# The agreement of an object that was found in one frame only: nothing confirms it.
_UNCONFIRMED: Final = 0.3

# Our choice: of more things that move two mostly touch, and nobody knows how many of the regions are one.
_MOST_SUBJECTS: Final = 3

# Something else that is this much as salient in most frames might as well be what the word means. Our choice: a fifth
# less is no clear difference; of 30 generated clips in which one sprite moves none has such a rival.
_RIVALS: Final = 0.8

# With several words less is enough, since a thing too many shifts the order. Our choice: half; of 24 generated clips in
# which two sprites move none has a rival above 0.2, and a third sprite of their size comes to 0.8.
_RIVALS_OF_SEVERAL: Final = 0.5

# The guided filter's window at working size, and the variance of grey below which a window counts as flat.
_WINDOW: Final = (7, 7)
_FLATNESS: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingObjectConfig:
    """How the moving subject is looked for.

    Attributes:
        min_confidence: sqrt(detection score x mask score) below which a frame is left unanswered.
            Our choice: what it comes to when motion, agreement of colors, camera fit and clear outline are each 0.7,
            or the first 0.24 and the rest perfect: an object that moves, but hardly more than what is around it.
        working_side: pixels on the long side at which outlines are drawn, before they are scaled up.
            Our choice: 320, where a clip takes about a second of CPU and outlines are good to about two pixels of it.
        several_subjects: what to do with captions of two or three subject words; more are always refused. `refuse`,
            because motion does not say which thing a word means. `left_to_right` for collections whose captions are
            known to name the subjects of a frame from left to right: as many things as words have to be found, in one
            clear order in all frames, and a frame without one of them is left unanswered. It is a convention of whoever
            wrote the captions, and wrong for captions that do not keep it; GroundingDINO reads the words instead.
    """

    profile: Literal["moving_object"] = "moving_object"
    min_confidence: float = 0.7
    working_side: int = 320
    several_subjects: Literal["refuse", "left_to_right"] = "refuse"

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is {self.min_confidence}, expected a number in [0, 1]")
        if self.working_side < 64:
            raise ValueError(f"working_side is {self.working_side}, expected at least 64 pixels")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Thing:
    """Something that moves: its region, if any, and its outline in each frame whose camera can be followed."""

    regions: Sequence[Region | None]
    outlines: Sequence[Outline]

    @property
    def masks(self) -> list[Mask]:
        """Empty where it was not found."""
        return [outline.mask for outline in self.outlines]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """The object in one frame, at working size; see `LocatedEntity` for the scores, `rivalry` for the last."""

    mask: Mask
    detection_score: float
    mask_score: float
    rivalry: float


class MovingObjectLocator:
    """An `EntityLocator` that follows motion, and outlines what moves with a network where that knows it."""

    def __init__(self, config: MovingObjectConfig, network: Foreground | None = None) -> None:
        self._config = config
        self._network = network or ForegroundNetwork()

    def describe(self) -> Annotator:
        """Name the rule set, and the weights of the network in it.

        Raises:
            FileNotFoundError: the weights are missing.
        """
        network = self._network.describe()
        return replace(network, name=f"moving-object with {network.name}", revision=_REVISION)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(timeout_s=120.0)

    def load(self) -> None:
        """Read the network's weights; idempotent."""
        self._network.load()

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        """Masks of each scene's subjects, where they move clearly enough; ambiguous beside a rival."""
        return [self._locate(scene.frames, scene.words) for scene in scenes]

    def _locate(self, frames: Sequence[ReferenceFrame], words: Sequence[EntityWord]) -> list[LocatedEntity]:
        subjects = [index for index, word in enumerate(words) if word.kind is EntityKind.SUBJECT]
        most = 1 if self._config.several_subjects == "refuse" else _MOST_SUBJECTS
        if not 1 <= len(subjects) <= most:
            return []
        subjects.sort(key=lambda index: words[index].start)
        people = [names_person(words[index].word) for index in subjects]
        found = self._find(frames, people)
        # What is found alone may be two things that touch there, and a thing that was missed would stay in the
        # background. So all of them count or none.
        certain = [
            index
            for index in range(len(frames))
            if found and all(self._is_certain(of_word.get(index)) for of_word in found)
        ]
        if not certain:
            return []
        rivals = _RIVALS if len(subjects) == 1 else _RIVALS_OF_SEVERAL
        is_ambiguous = any(np.median([of_word[index].rivalry for index in certain]) >= rivals for of_word in found)
        return [
            LocatedEntity(
                word_index=subject,
                reference_index=index,
                mask=_enlarge(of_word[index].mask, frames[index].image),
                detection_score=of_word[index].detection_score,
                mask_score=of_word[index].mask_score,
                is_ambiguous=is_ambiguous,
            )
            for subject, of_word in zip(subjects, found, strict=True)
            for index in certain
        ]

    def _is_certain(self, found: _Found | None) -> bool:
        return found is not None and np.sqrt(found.detection_score * found.mask_score) >= self._config.min_confidence

    def _find(self, frames: Sequence[ReferenceFrame], people: Sequence[bool]) -> list[dict[int, _Found]]:
        """For every subject word its thing in each frame that shows it, by frame index; nothing if one has none.

        Args:
            frames: of the clip.
            people: for every subject word, in the caption's order, whether it names a person.
        """
        evidence = self._evidence(frames)
        seen = list(evidence.values())
        candidates = [candidate_regions(frame) for frame in seen]
        things = self._find_things(frames, evidence, candidates, how_many=len(people))
        order = left_to_right([thing.masks for thing in things]) if len(things) == len(people) else None
        found: list[dict[int, _Found]] = []
        for at, is_person in zip(order or (), people, strict=False):
            others = [thing for number, thing in enumerate(things) if number != at]
            scores = _scores(seen, _left_over(candidates, others), things[at], is_person=is_person)
            found.append({index: f for index, f in zip(evidence, scores, strict=True) if f is not None})
        return found

    def _find_things(
        self,
        frames: Sequence[ReferenceFrame],
        evidence: Mapping[int, FrameEvidence],
        candidates: Sequence[Sequence[Region]],
        *,
        how_many: int,
    ) -> list[_Thing]:
        """Things that share no region, the clearest first; fewer where there is nothing else."""
        seen = list(evidence.values())
        taken = [np.zeros(frame.foreground.shape, np.bool_) for frame in seen]
        things: list[_Thing] = []
        while len(things) < how_many:
            regions = choose_regions(_left_over(candidates, things))
            if not any(regions):
                break
            moving = [mask & ~other for mask, other in zip(outline_objects(seen, regions), taken, strict=True)]
            near = [
                zoomed_foreground(self._network, frames[index].image, frame.foreground, region.mask)
                if region is not None
                else frame.foreground
                for (index, frame), region in zip(evidence.items(), regions, strict=True)
            ]
            near = [np.where(other, 0, plane) for plane, other in zip(near, taken, strict=True)]
            masks = [region.mask if region is not None else None for region in regions]
            outlines = complete_outlines(seen, masks, moving, near)
            if not any(outline.mask.any() for outline in outlines):
                break
            things.append(_Thing(regions=regions, outlines=outlines))
            taken = [other | outline.mask for other, outline in zip(taken, outlines, strict=True)]
        return things

    def _evidence(self, frames: Sequence[ReferenceFrame]) -> dict[int, FrameEvidence]:
        """What motion and the network say of every frame whose camera can be followed."""
        evidence = {}
        for index, frame in enumerate(frames):
            motion = motion_evidence(frame, long_side=self._config.working_side)
            if motion is not None:
                whole = self._network.probability(frame.image)
                size = motion.speed.shape[::-1]
                evidence[index] = frame_evidence(motion, cv2.resize(whole, size, interpolation=cv2.INTER_AREA))
        return evidence


def _scores(
    frames: Sequence[FrameEvidence],
    candidates: Sequence[Sequence[Region]],
    thing: _Thing,
    *,
    is_person: bool,
) -> list[_Found | None]:
    """How sure the thing of each frame is, beside the candidates for others; None where it was not found.

    It is the subject if it moves unlike what is around it and looks alike in all frames. Where the network knows it, it
    may rest if what looks like it moves in another frame, and the camera matters less, since what is around it serves
    as well. For a person the network has to know it: people are what it was made for.
    """
    regions, outlines = thing.regions, thing.outlines
    colors = [color_histogram([frame.cells], [o.mask]) for frame, o in zip(frames, outlines, strict=True)]
    alike = np.array([[color_similarity(one, other) for other in colors] for one in colors])
    moves = np.array([region.contrast if region is not None else 0.0 for region in regions])
    found: list[_Found | None] = []
    for at, (frame, region, outline) in enumerate(zip(frames, regions, outlines, strict=True)):
        if region is None or not outline.mask.any():
            found.append(None)
            continue
        others = [other for other in range(len(frames)) if other != at and outlines[other].mask.any()]
        agreement = float(np.mean(alike[at, others])) if others else _UNCONFIRMED
        motion = max(float(moves[at]), outline.trust * float((alike[at] * moves)[others].max(initial=0.0)))
        camera_fit = 1 - (1 - outline.trust) * (1 - frame.motion.camera_fit)
        known = outline.trust if is_person else 1.0
        whole = 1 - border_contact(outline.mask) * (1 - outline.trust)
        found.append(
            _Found(
                mask=outline.mask,
                detection_score=min(1.0, float(np.sqrt(motion * agreement * camera_fit * known))),
                mask_score=min(1.0, float(np.sqrt(outline.certainty * whole))),
                rivalry=rivalry(candidates[at], region, outline.mask),
            )
        )
    return found


def _left_over(candidates: Sequence[Sequence[Region]], things: Sequence[_Thing]) -> list[Sequence[Region]]:
    """The candidates of each frame that lie beside all of the things."""
    left = list(candidates)
    for thing in things:
        for at, (region, mask) in enumerate(zip(thing.regions, thing.masks, strict=True)):
            if region is not None:
                left[at] = beside(left[at], region.mask | mask)
    return left


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
