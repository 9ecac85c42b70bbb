"""What is left of the entities in a background that they were painted out of: by color, or by a detector."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from curation.annotators.protocols import AnnotatorLike, EntityLocator, Scene
from curation.masks import grow, resize_mask
from curation.records import EntityWord, Image, Mask, ReferenceFrame
from curation.stage import Resources
from dataset_schema import Annotator

_REVISION: Final = "2"

# The leak of colors is measured at this size, on slightly blurred pictures: single pixels are noise.
_SIDE: Final = 320
_BLUR_PX: Final = 1.0

# A pixel looks like the entity if its nearest colors there are nearer, by this factor, than those of the background.
# Our choice: so many neighbours of so many pixels of each; and colors that both share count as clean.
_NEARER: Final = 0.8
_NEIGHBOURS: Final = 5
_EXAMPLES: Final = 3000

# Colors nearer than this are the same, in 8-bit levels of Lab.
_SAME_COLOR: Final = 1.0


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
    """Where colors of the entities are looked for.

    Attributes:
        rim: width of what is looked at around the hole, as a share of the entities' side. A mask that covers a part of
            an entity leaves the rest there, and right outside the hole it is all that is there.
        gap: how far from the hole the background surely begins, as a share of the entities' side: what is nearer may
            be what the mask has missed, and must not say how the background looks.
    """

    profile: Literal["color"] = "color"
    rim: float = 0.03
    gap: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.rim <= self.gap <= 1:
            raise ValueError(f"rim is {self.rim} and gap {self.gap}, expected shares of a side, 0 <= rim <= gap <= 1")


class ColorLeak:
    """A `LeakCheck` by the entities' colors; no weights."""

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
        """The share of the hole, or of its rim if that is more, that looks like the entities."""
        return [color_leak(one, self._config) for one in painted]


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


def color_leak(painted: Painted, config: ColorLeakConfig) -> float:
    """How much of the entities is left in the painted picture, [0, 1]; 0 is clean.

    The share of pixels that look more like the entities than like the background: of those in the hole, or twice that
    of those right around it, whichever is more. Our choice: twice, because a mask that misses a half of its entity
    touches what it missed along a half of its outline at most. Of drawn scenes in which a part of the subject was left
    out on purpose, three quarters exceed a quarter by this, and no clean one does.
    """
    height, width = painted.hole.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    entity, hole = resize_mask(painted.entities, size), resize_mask(painted.hole, size)
    side = float(np.sqrt(entity.sum()))
    rim = grow(hole, max(1, round(config.rim * side))) & ~hole
    background = ~grow(hole, max(1, round(config.gap * side)))
    if not background.any():
        background = ~hole
    if not background.any():
        return 0.0
    before, after = (_colors(image, size) for image in (painted.frame.image, painted.image))
    entity_colors, background_colors = (_examples(before[region]) for region in (entity, background))
    in_hole, in_rim = (
        _share_like(after[region], entity_colors, background_colors) if region.any() else 0.0 for region in (hole, rim)
    )
    return min(1.0, max(in_hole, 2 * in_rim))


def _share_like(colors: npt.NDArray[np.float32], entity: cKDTree, background: cKDTree) -> float:
    """How many of the colors are clearly nearer to the entity's."""
    return float(np.mean(_distance(colors, entity) < _NEARER * _distance(colors, background)))


def _colors(image: Image, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Lab, (height, width, 3), at the given (width, height)."""
    lab = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    colors: npt.NDArray[np.float32] = cv2.GaussianBlur(lab.astype(np.float32), (0, 0), _BLUR_PX)
    return colors


def _examples(colors: npt.NDArray[np.float32]) -> cKDTree:
    chosen = np.linspace(0, len(colors) - 1, min(len(colors), _EXAMPLES)).astype(int)
    return cKDTree(colors[chosen])


def _distance(colors: npt.NDArray[np.float32], examples: cKDTree) -> npt.NDArray[np.float64]:
    """For every color its mean distance to the nearest examples."""
    neighbours = np.arange(1, min(_NEIGHBOURS, examples.n) + 1)
    found, _ = examples.query(colors, k=neighbours)
    distance: npt.NDArray[np.float64] = found.mean(axis=1) + _SAME_COLOR
    return distance
