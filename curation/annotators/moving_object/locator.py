"""Finds the subject of a clip by its motion, camera motion removed, and how far it reaches by a small network.

Motion sees that something moves, not what it is. So it answers only when the caption names exactly one subject: then
the thing that moves most like a subject is bound to that word. With two subjects it cannot tell which is which, and
answers nothing, unless it is told that the captions name them from left to right. Nor does it answer for objects and
backgrounds, which mostly stand still or move with the subject.

Why a network beside it: docs/decisions/0010-a-foreground-network.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Literal

import numpy as np

from curation.annotators.moving_object.foreground import Foreground, ForegroundNetwork
from curation.annotators.protocols import EntityLocator, Scene
from curation.entity_words.phrases import names_person
from curation.records import EntityWord, LocatedEntity, ReferenceFrame
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind
from storage.configs import PRESET_ONLY

_REVISION: Final = "2"

# Our choice: of more things that move two mostly touch, and nobody knows how many of the regions are one.
_MOST_SUBJECTS: Final = 3

# Something else that is this much as salient in most frames might as well be what the word means. Our choice: a fifth
# less is no clear difference; of 30 generated clips in which one sprite moves none has such a rival.
_RIVALS: Final = 0.8

# With several words less is enough, since a thing too many shifts the order. Our choice: half; of 24 generated clips in
# which two sprites move none has a rival above 0.2, and a third sprite of their size comes to 0.8.
_RIVALS_OF_SEVERAL: Final = 0.5


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
    working_side: int = field(default=320, metadata=PRESET_ONLY)
    several_subjects: Literal["refuse", "left_to_right"] = "refuse"

    reads_words: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is {self.min_confidence}, expected a number in [0, 1]")
        if self.working_side < 64:
            raise ValueError(f"working_side is {self.working_side}, expected at least 64 pixels")

    @property
    def tells_places_apart(self) -> bool:
        """Whether the locator goes by where words stand in the caption, so that two subjects may be called the same."""
        return self.several_subjects == "left_to_right"

    def build(self) -> EntityLocator:
        """The locator; nothing is loaded yet."""
        return MovingObjectLocator(self)


class MovingObjectLocator:
    """An `EntityLocator` that follows motion, and outlines what moves with a network where that knows it."""

    reads_words: ClassVar[bool] = False

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
        from curation.annotators.moving_object.things import evidence_by_frame, find_subjects

        evidence = evidence_by_frame(frames, self._network, self._config.working_side)
        found = find_subjects(frames, evidence, people, self._network)
        least = self._config.min_confidence
        # What is found alone may be two things that touch there, and a thing that was missed would stay in the
        # background. So all of them count or none.
        certain = [
            index
            for index in range(len(frames))
            if found and all(index in of_word and of_word[index].confidence >= least for of_word in found)
        ]
        if not certain:
            return []
        rivals = _RIVALS if len(subjects) == 1 else _RIVALS_OF_SEVERAL
        is_ambiguous = any(np.median([of_word[index].rivalry for index in certain]) >= rivals for of_word in found)
        return [
            LocatedEntity(
                word_index=subject,
                reference_index=index,
                mask=of_word[index].enlarged(frames[index].image),
                detection_score=of_word[index].detection_score,
                mask_score=of_word[index].mask_score,
                is_ambiguous=is_ambiguous,
            )
            for subject, of_word in zip(subjects, found, strict=True)
            for index in certain
        ]
