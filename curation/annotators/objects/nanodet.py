"""Finds objects of COCO's 80 classes with NanoDet-g; its weights come along.

Why this network, and why on torch: docs/decisions/0016-a-detector-of-eighty-classes.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Final, Protocol

from curation.annotators.objects.classes import COCO_CLASSES
from curation.annotators.protocols import ObjectCandidates, ObjectDetector
from curation.records import Image
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import PRESET_ONLY, strict

OBJECT_WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "objects"

_FILE: Final = "nanodet-g.safetensors"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class NanoDetConfig:
    """Which candidates are worth keeping.

    Attributes:
        min_score: of a candidate's best class. Our choice: .05, where the trainers' own evaluation stops looking, so
            that a caption's word can find its class below what would be enough to call it found.
    """

    min_score: float = field(default=0.05, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if not 0 < self.min_score < 1:
            raise ValueError(f"min_score is {self.min_score}, expected a number between 0 and 1")

    def build(self) -> ObjectDetector:
        """The detector; nothing is loaded yet."""
        return NanoDetDetector(self)


class _Network(Protocol):
    """NanoDet once it is loaded: `reading.py`."""

    def detect(self, images: Sequence[Image], min_score: float) -> list[ObjectCandidates]: ...


class NanoDetDetector:
    """An `ObjectDetector`: NanoDet-g, 7.6 MB, some 70 ms a picture on one core."""

    classes: ClassVar[tuple[str, ...]] = COCO_CLASSES

    def __init__(self, config: NanoDetConfig | None = None, folder: Path = OBJECT_WEIGHTS) -> None:
        self._config = config or NanoDetConfig()
        self._folder = folder
        self._loaded: _Network | None = None

    def describe(self) -> Annotator:
        """Name the network.

        Raises:
            FileNotFoundError: its weights are missing.
        """
        digest = sha256(self._path().read_bytes()).hexdigest()
        return Annotator(job="objects", name="nanodet-g", revision="human-models-3.0.4", weights_sha256=digest)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(memory_bytes=1 << 29, timeout_s=60.0)

    def load(self) -> None:
        """Read the weights; idempotent.

        Raises:
            FileNotFoundError: they are missing.
        """
        if self._loaded is None:
            from curation.annotators.objects.reading import LoadedNanoDet

            self._loaded = LoadedNanoDet.load(self._path())

    def detect(self, images: Sequence[Image]) -> list[ObjectCandidates]:
        """Every place of a picture that the network gives a score worth keeping, with all its scores.

        Raises:
            ClipError: the network's answer holds NaN or infinity.
        """
        if self._loaded is None:
            raise RuntimeError("object detector is not loaded, expected a call of load() first")
        return self._loaded.detect(images, self._config.min_score)

    def _path(self) -> Path:
        path = self._folder / _FILE
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; it comes with the package, so install the package again")
        return path
