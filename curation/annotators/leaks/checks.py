"""What is left of the entities in a background that they were painted out of: by color, or by a detector."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Literal

from curation.annotators.protocols import EntityLocator, LeakCheck, Painted, Scene
from curation.deferred import Deferred
from curation.records import ReferenceFrame
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import PRESET_ONLY, strict

cv2: Any = Deferred("cv2")

_REVISION: Final = "3"


@strict
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
    rim: float = field(default=0.03, metadata=PRESET_ONLY)
    gap: float = field(default=0.2, metadata=PRESET_ONLY)

    looks_for_words: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.rim <= self.gap <= 1:
            raise ValueError(f"rim is {self.rim} and gap {self.gap}, expected shares of a side, 0 <= rim <= gap <= 1")

    def build(self, locator: EntityLocator | None = None) -> LeakCheck:  # noqa: ARG002  colors need none
        """The check."""
        return ColorLeak(self)


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
        from curation.annotators.leaks.colors import color_leak

        return [color_leak(one, rim=self._config.rim, gap=self._config.gap) for one in painted]


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorLeakConfig:
    """Nothing to choose: it looks with the networks that find the entities."""

    profile: Literal["detector"] = "detector"

    looks_for_words: ClassVar[bool] = True

    def build(self, locator: EntityLocator) -> LeakCheck:
        """The check, by a locator of its own that reads words; nothing is loaded yet."""
        return DetectorLeak(locator)


class DetectorLeak:
    """A `LeakCheck` that looks for the subjects' words in the background, as curation systems propose.

    Loads the detector a second time, beside the one that found the entities: that costs its memory again, and keeps
    stages apart.

    Raises:
        ValueError: the detector reads no words. In a background, where nothing moves, it finds nothing: all are clean.
    """

    def __init__(self, detector: EntityLocator) -> None:
        if not detector.reads_words:
            raise ValueError(f"leaks are looked for by {type(detector).__name__}, expected a detector that reads words")
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
        scenes = [Scene((_as_frame(one),), one.subject_words) for one in painted]
        found = self._detector.locate(scenes)
        return [max((entity.detection_score for entity in entities), default=0.0) for entities in found]


def _as_frame(painted: Painted) -> ReferenceFrame:
    """The background as a frame of its own; in the frame's neighbours the entities would still be seen to move."""
    frame = painted.frame
    size = frame.neighbours.shape[2], frame.neighbours.shape[1]
    small = cv2.resize(painted.image, size, interpolation=cv2.INTER_AREA)
    return replace(frame, image=painted.image, neighbours=small[None], neighbour_times_s=(frame.time_s,), centre=0)
