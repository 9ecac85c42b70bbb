"""What is left of the entities in a background that they were painted out of: by colour, or by a detector."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, Protocol

import cv2
import numpy as np

from curation.annotators.moving_object_colors import color_cells, color_histogram
from curation.annotators.protocols import AnnotatorLike, EntityLocator, Scene
from curation.records import EntityWord, Image, Mask, ReferenceFrame
from curation.reference_quality import resize_mask
from curation.stage import Resources
from dataset_schema import Annotator

_REVISION: Final = "1"

# The leak of colours is measured at this size, with colours that are at least so many times likelier on the entity.
_SIDE: Final = 320
_ENTITY_ODDS: Final = 3.0


class Painted(NamedTuple):
    """A frame that entities were painted out of.

    Attributes:
        frame: as it was.
        image: with the hole filled.
        entities: where they were.
        hole: what was painted over, at least the entities.
        subject_words: what must not be found in it any more.
    """

    frame: ReferenceFrame
    image: Image
    entities: Mask
    hole: Mask
    subject_words: Sequence[EntityWord]


class LeakCheck(AnnotatorLike, Protocol):
    """Looks for entities in backgrounds."""

    def leaks(self, painted: Sequence[Painted]) -> list[float]:
        """For each how much of its entities is left, in [0, 1]; 0 is clean."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorLeakConfig:
    """Where colours of the entities are looked for.

    Attributes:
        rim: how far beyond the painted region, as a share of the entities' side: a mask that covers a part of an entity
            leaves the rest there.
    """

    profile: Literal["color"] = "color"
    rim: float = 0.15

    def __post_init__(self) -> None:
        if not 0 <= self.rim <= 1:
            raise ValueError(f"rim is {self.rim}, expected a share of the entities' side in [0, 1]")


class ColorLeak:
    """A `LeakCheck` by the entities' colours; no weights."""

    def __init__(self, config: ColorLeakConfig) -> None:
        self._config = config

    def describe(self) -> Annotator:
        """Name the measure."""
        return Annotator(job="leak", name="entity-colors", revision=_REVISION)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(memory_bytes=1 << 28, timeout_s=30.0)

    def load(self) -> None:
        """Nothing to load."""

    def leaks(self, painted: Sequence[Painted]) -> list[float]:
        """The share of the hole and its rim that has the entities' own colours."""
        return [color_leak(one, rim=self._config.rim) for one in painted]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorLeakConfig:
    """Nothing to choose: it looks with the networks that find the entities."""

    profile: Literal["detector"] = "detector"


class DetectorLeak:
    """A `LeakCheck` that looks for the subjects' words in the background, as curation systems propose.

    Loads the detector a second time, beside the one that found the entities: that costs its memory again, and keeps
    stages apart.
    """

    def __init__(self, detector: EntityLocator) -> None:
        self._detector = detector

    def describe(self) -> Annotator:
        """The detector, at this job."""
        return replace(self._detector.describe(), job="leak")

    @property
    def resources(self) -> Resources:
        """Those of the detector."""
        return self._detector.resources

    def load(self) -> None:
        """Load the detector."""
        self._detector.load()

    def leaks(self, painted: Sequence[Painted]) -> list[float]:
        """The highest detection score of a subject's word; 0 where none is found."""
        scenes = [Scene((replace(one.frame, image=one.image),), one.subject_words) for one in painted]
        found = self._detector.locate(scenes)
        return [max((entity.detection_score for entity in entities), default=0.0) for entities in found]


def color_leak(painted: Painted, *, rim: float) -> float:
    """How much of the entities is left in the painted picture, [0, 1]; 0 is clean.

    The share of pixels, in the painted hole and in a rim around it, whose colour is at least three times likelier on
    the entities than elsewhere in the frame. Colours that entity and background share count as clean.
    """
    height, width = painted.hole.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    before = cv2.resize(painted.frame.image, size, interpolation=cv2.INTER_AREA)
    after = cv2.resize(painted.image, size, interpolation=cv2.INTER_AREA)
    entity, filled = resize_mask(painted.entities, size), resize_mask(painted.hole, size)
    reach = max(1, round(rim * float(np.sqrt(entity.sum()))))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    suspect = cv2.dilate(filled.astype(np.uint8), disk) > 0
    elsewhere = ~suspect if not suspect.all() else ~filled
    cells = color_cells(before)
    ours, theirs = color_histogram([cells], [entity]), color_histogram([cells], [elsewhere])
    looks_like_entity = ours > _ENTITY_ODDS * theirs + 1e-5
    return float(looks_like_entity[color_cells(after)][suspect].mean())
