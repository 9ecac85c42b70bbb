"""Finds faces with the cascades that come with OpenCV: no weights to fetch, upright faces, frontal or in profile."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import FaceBox
from curation.records import Image
from curation.stage import Resources
from dataset_schema import Annotator

_FRONTAL: Final = "haarcascade_frontalface_default.xml"
_PROFILE: Final = "haarcascade_profileface.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeFaceConfig:
    """How faces are looked for.

    Attributes:
        min_side: smallest face, pixels.
        max_image_side: larger pictures are scaled down before the search. Our choice: what is searched is one person,
            whose face is more than a fifteenth of it; the search is most of the cost of a reference image.
        min_neighbours: how many overlapping detections make a face. Our choice: OpenCV's usual 3 finds faces in
            foliage; 6 hardly does.
        half_score_weight: the level weight that scores 0.5. Our choice: about the median of true faces.
    """

    min_side: int = 32
    max_image_side: int = 480
    min_neighbours: int = 6
    half_score_weight: float = 4.0

    def __post_init__(self) -> None:
        if not 20 <= self.min_side <= self.max_image_side:
            raise ValueError(
                f"min_side is {self.min_side} and max_image_side {self.max_image_side}, expected 20 <= min <= max"
            )
        if self.half_score_weight <= 0:
            raise ValueError(f"half_score_weight is {self.half_score_weight}, expected a positive number")


class CascadeFaceDetector:
    """A `FaceDetector` of Haar cascades: frontal, profile, and profile mirrored."""

    def __init__(self, config: CascadeFaceConfig) -> None:
        self._config = config
        self._frontal: cv2.CascadeClassifier | None = None
        self._profile: cv2.CascadeClassifier | None = None

    def describe(self) -> Annotator:
        """Name the cascades; they are OpenCV's own files."""
        for name in (_FRONTAL, _PROFILE):
            _cascade_path(name)
        return Annotator(job="faces", name="opencv-haar-cascades", revision=cv2.__version__)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(memory_bytes=1 << 29, timeout_s=60.0)

    def load(self) -> None:
        """Read the cascades."""
        if self._frontal is None:
            self._frontal = cv2.CascadeClassifier(str(_cascade_path(_FRONTAL)))
            self._profile = cv2.CascadeClassifier(str(_cascade_path(_PROFILE)))

    def detect(self, image: Image) -> list[FaceBox]:
        """The faces, best first; overlapping detections are one face.

        A detection's score is w / (w + half_score_weight) of its level weight w, the sum that the last stage of the
        cascade reached; weights of 0 or less score 0.
        """
        if self._frontal is None or self._profile is None:
            raise RuntimeError("face detector is not loaded, expected a call of load() first")
        height, width = image.shape[:2]
        scale = min(1.0, self._config.max_image_side / max(height, width))
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        gray = cv2.equalizeHist(gray)
        found = self._search(self._frontal, gray) + self._search(self._profile, gray)
        found += [
            box._replace(x0=gray.shape[1] - box.x1, x1=gray.shape[1] - box.x0)
            for box in self._search(self._profile, np.ascontiguousarray(gray[:, ::-1]))
        ]
        in_frame = [FaceBox(b.x0 / scale, b.y0 / scale, b.x1 / scale, b.y1 / scale, b.score) for b in found]
        return _without_doubles(in_frame)

    def _search(self, cascade: cv2.CascadeClassifier, gray: npt.NDArray[np.uint8]) -> list[FaceBox]:
        side = self._config.min_side
        boxes, _, weights = cascade.detectMultiScale3(
            gray,
            scaleFactor=1.1,
            minNeighbors=self._config.min_neighbours,
            minSize=(side, side),
            outputRejectLevels=True,
        )
        return [
            FaceBox(float(x), float(y), float(x + w), float(y + h), self._score(float(weight)))
            for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True)
        ]

    def _score(self, weight: float) -> float:
        return max(0.0, weight) / (max(0.0, weight) + self._config.half_score_weight)


def _cascade_path(name: str) -> Path:
    path = Path(cv2.data.haarcascades) / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; install opencv-python-headless 4 (5.0 has no cascades)")
    return path


def _without_doubles(boxes: list[FaceBox]) -> list[FaceBox]:
    """The best of every group of boxes that overlap by more than a third."""
    kept: list[FaceBox] = []
    for box in sorted(boxes, key=lambda b: -b.score):
        if all(_iou(box, other) <= 1 / 3 for other in kept):
            kept.append(box)
    return kept


def _iou(one: FaceBox, other: FaceBox) -> float:
    width = max(0.0, min(one.x1, other.x1) - max(one.x0, other.x0))
    height = max(0.0, min(one.y1, other.y1) - max(one.y0, other.y0))
    shared = width * height
    areas = (one.x1 - one.x0) * (one.y1 - one.y0) + (other.x1 - other.x0) * (other.y1 - other.y0)
    return shared / (areas - shared)
