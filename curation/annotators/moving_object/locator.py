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

from curation.annotators.moving_object.foreground import Foreground, ForegroundNetwork
from curation.annotators.protocols import EntityLocator, Scene
from curation.records import EntityWord, LocatedEntity, ReferenceFrame
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind
from storage.configs import PRESET_ONLY, strict

_REVISION: Final = "2"


@strict
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
    tells_looks_apart: ClassVar[bool] = False

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
        from curation.annotators.moving_object.answers import Terms, locate_moving
        from curation.annotators.moving_object.things import evidence_by_frame

        subjects = {index: word for index, word in enumerate(words) if word.kind is EntityKind.SUBJECT}
        by_order = self._config.tells_places_apart
        if not subjects or (len(subjects) > 1 and not by_order):
            return []
        return locate_moving(
            frames,
            evidence_by_frame(frames, self._network, self._config.working_side),
            subjects,
            self._network,
            Terms(self._config.min_confidence, by_order),
        )
