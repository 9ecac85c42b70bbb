"""Finds what the caption's words name: a detector of fixed classes is asked about each, and its boxes are outlined.

The detector knows 80 classes, and words are looked up in a list of what they mean among them. So most subjects have a
class, and most objects have none: those are not looked for. A subject whose word has a class is never guessed by its
motion: where no box shows it, it is not found. A subject of no class is what moves beside all that has one.

Of two people the detector cannot say who is who: words of one class are told apart by the colors and sides that the
caption gives them, or by their order where captions are known to keep one, and are ambiguous otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Final, Literal

from curation.annotators.detected_object.asking import why_not
from curation.annotators.moving_object.foreground import Foreground, ForegroundNetwork
from curation.annotators.objects.nanodet import NanoDetConfig
from curation.annotators.protocols import EntityLocator, ObjectDetector, Scene
from curation.entity_words.object_classes import fingerprint
from curation.records import EntityWord, LocatedEntity
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import PRESET_ONLY, strict

_REVISION: Final = "2"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedObjectConfig:
    """How the words' things are looked for.

    Attributes:
        min_subject_score: of a box, by the detector. Our choice: a quarter, where 24 of 26 boxes of subjects are right.
            Half of it is enough where another frame has a box of the same colors that reaches it.
        min_object_score: the same for objects. Our choice: more, because 11 of 14 are right between 0.3 and 0.4.
        near_weight: of a class that is only near to what the word means, such as any animal for a rabbit.
        min_confidence: sqrt(detection score x mask score) below which a frame is left unanswered.
        min_motion_confidence: the same for subjects of no class, which are found by their motion; see
            `MovingObjectConfig`.
        working_side: pixels on the long side at which outlines are drawn, before they are scaled up.
            Our choice: 320, as for moving things: outlines are good to about two pixels of it.
        several_subjects: what to do with subject words of one class. `refuse` those that the caption does not tell
            apart by colors or sides. `left_to_right` for collections whose captions are known to name the subjects of
            a frame from left to right: as many boxes as words have to be found, in one clear order in all frames. It is
            a convention of whoever wrote the captions, and wrong for captions that do not keep it.
    """

    profile: Literal["detected_object"] = "detected_object"
    min_subject_score: float = 0.25
    min_object_score: float = 0.3
    near_weight: float = field(default=0.7, metadata=PRESET_ONLY)
    min_confidence: float = 0.5
    min_motion_confidence: float = 0.7
    working_side: int = field(default=320, metadata=PRESET_ONLY)
    several_subjects: Literal["refuse", "left_to_right"] = "refuse"

    reads_words: ClassVar[bool] = True

    def __post_init__(self) -> None:
        shares = ("min_subject_score", "min_object_score", "near_weight", "min_confidence", "min_motion_confidence")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a number in [0, 1]")
        if self.working_side < 64:
            raise ValueError(f"working_side is {self.working_side}, expected at least 64 pixels")

    @property
    def tells_places_apart(self) -> bool:
        """Whether the locator goes by where words stand in the caption, so that two subjects may be called the same."""
        return self.several_subjects == "left_to_right"

    @property
    def tells_looks_apart(self) -> bool:
        """Whether the locator goes by what the caption says of looks, so that two who differ may be called the same."""
        return self.several_subjects == "refuse"

    def build(self) -> EntityLocator:
        """The locator; nothing is loaded yet."""
        return DetectedObjectLocator(self, NanoDetConfig().build())


class DetectedObjectLocator:
    """An `EntityLocator` that asks a detector of fixed classes, and outlines its boxes."""

    reads_words: ClassVar[bool] = True

    def __init__(
        self, config: DetectedObjectConfig, detector: ObjectDetector, network: Foreground | None = None
    ) -> None:
        self._config = config
        self._detector = detector
        self._network = network or ForegroundNetwork()

    def describe(self) -> Annotator:
        """Both networks and the list of words as one: their names, and one hash over theirs.

        Raises:
            FileNotFoundError: the weights are missing.
        """
        parts = self._detector.describe(), self._network.describe()
        hashes = [*(part.weights_sha256 for part in parts), fingerprint()]
        return Annotator(
            job="locate",
            name=" + ".join(part.name for part in parts),
            revision=" + ".join([_REVISION, *(part.revision for part in parts)]),
            weights_sha256=sha256(repr(hashes).encode()).hexdigest(),
        )

    @property
    def resources(self) -> Resources:
        """Those of the detector, with time for motion."""
        return self._detector.resources + Resources(timeout_s=120.0)

    def load(self) -> None:
        """Load both networks; idempotent."""
        self._detector.load()
        self._network.load()

    def cannot_find(self, word: EntityWord) -> str | None:
        """Why a word is not looked for; None if it is."""
        return why_not(word)

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        """Masks of each scene's subjects and objects, as far as they are seen; ambiguous beside others of the class."""
        from curation.annotators.detected_object.finding import Limits, locate_words

        config = self._config
        limits = Limits(
            subject_score=config.min_subject_score,
            object_score=config.min_object_score,
            near_weight=config.near_weight,
            confidence=config.min_confidence,
            motion=config.min_motion_confidence,
            by_order=config.tells_places_apart,
        )
        return [
            locate_words(scene, self._detector, self._network, limits, long_side=config.working_side)
            for scene in scenes
        ]
