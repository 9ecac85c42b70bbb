"""Finds faces with the full-range network of MediaPipe, a BlazeFace (arXiv 1907.05047); its weights come along.

It gives every place of a 192 x 192 picture a score and a box, and was made for faces within five metres. On one look
it takes some hands, wheels and flowers for faces, and misses small ones; so each find is looked at again, nearer.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import FaceBox, FaceDetector
from curation.deferred import Deferred
from curation.records import Image
from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind
from storage.configs import PRESET_ONLY, strict

cv2: Any = Deferred("cv2")

_WEIGHTS: Final = Path(__file__).parent / "weights" / "faces" / "face_detection_full_range.tflite"

# The network's picture, and the pixels of it between two places that it scores.
_SIDE: Final = 192
_STRIDE: Final = 4

Scores: TypeAlias = npt.NDArray[np.float64]  # (places,)
Boxes: TypeAlias = npt.NDArray[np.float64]  # (places, 4): x0, y0, x1, y1


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class BlazeFaceConfig:
    """How faces are looked for.

    Attributes:
        min_proposal_score: of a place that is looked at again. Our choice: well below what decides, because a nearer
            look raises the score of a small face and lowers that of most other things.
        min_score: of a face at the nearer look; MediaPipe's default of its face detection.
        nearer_sides: sides of a face in the window of the nearer look. Our choice: a head with some room around it. At
            two sides profiles are lost, and far more would be the first look again.
        same_face_iou: boxes that overlap by more are one face; MediaPipe's own.
    """

    min_proposal_score: float = field(default=0.4, metadata=PRESET_ONLY)
    min_score: float = field(default=0.5, metadata=PRESET_ONLY)
    nearer_sides: float = field(default=3.0, metadata=PRESET_ONLY)
    same_face_iou: float = field(default=0.3, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if not 0 < self.min_proposal_score <= self.min_score < 1:
            raise ValueError(
                f"min_proposal_score is {self.min_proposal_score} and min_score {self.min_score}, expected "
                "0 < proposal <= score < 1"
            )
        if self.nearer_sides < 1:
            raise ValueError(f"nearer_sides is {self.nearer_sides}, expected 1 or more: the window shows the face")
        if not 0 < self.same_face_iou < 1:
            raise ValueError(f"same_face_iou is {self.same_face_iou}, expected a number between 0 and 1")

    def build(self) -> FaceDetector:
        """The detector; nothing is loaded yet."""
        return BlazeFaceDetector(self)


class BlazeFaceDetector:
    """A `FaceDetector` that looks twice with one network."""

    def __init__(self, config: BlazeFaceConfig) -> None:
        self._config = config
        self._network: Any = None

    def describe(self) -> Annotator:
        """Name the network.

        Raises:
            FileNotFoundError: its weights are not installed.
        """
        digest = sha256(_weights().read_bytes()).hexdigest()
        return Annotator(job="faces", name="mediapipe-face-full-range", revision="1", weights_sha256=digest)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(memory_bytes=1 << 29, timeout_s=60.0)

    def load(self) -> None:
        """Read the network."""
        if self._network is None:
            self._network = cv2.dnn.readNetFromTFLite(str(_weights()))

    def detect(self, image: Image) -> list[FaceBox]:
        """The faces, best first, each as far as it is in the picture."""
        height, width = image.shape[:2]
        proposals = self._look(image, (0, 0, width, height), self._config.min_proposal_score)
        seen_again = [self._look_nearer(image, proposal) for proposal in proposals]
        faces = _merge([face for face in seen_again if face is not None], self._config.same_face_iou)
        return [
            FaceBox(max(0.0, f.x0), max(0.0, f.y0), min(float(width), f.x1), min(float(height), f.y1), f.score)
            for f in faces
        ]

    def _look_nearer(self, image: Image, proposal: FaceBox) -> FaceBox | None:
        """The proposed face as a window of a few times its size shows it; None if that shows none there."""
        x, y = (proposal.x0 + proposal.x1) / 2, (proposal.y0 + proposal.y1) / 2
        half = max(1.0, self._config.nearer_sides * max(proposal.x1 - proposal.x0, proposal.y1 - proposal.y0) / 2)
        window = (round(x - half), round(y - half), round(x + half), round(y + half))
        found = self._look(image, window, self._config.min_score)
        same = [face for face in found if _iou(face, proposal) > self._config.same_face_iou]
        return max(same, key=lambda face: face.score, default=None)

    def _look(self, image: Image, window: tuple[int, int, int, int], min_score: float) -> list[FaceBox]:
        """The faces in a window of the picture, in pixels of the picture; the window may reach beyond it."""
        if self._network is None:
            raise RuntimeError("face detector is not loaded, expected a call of load() first")
        x0, y0, x1, y1 = window
        scale = _SIDE / max(x1 - x0, y1 - y0)
        across, down = (_SIDE - (x1 - x0) * scale) / 2, (_SIDE - (y1 - y0) * scale) / 2
        scores, boxes = self._run(_letterbox(image, window, scale))
        likely = scores >= min_score
        boxes = (boxes[likely] - [across, down, across, down]) / scale + [x0, y0, x0, y0]
        found = zip(boxes.tolist(), scores[likely].tolist(), strict=True)
        faces = [FaceBox(left, top, right, bottom, score) for (left, top, right, bottom), score in found]
        return _merge(faces, self._config.same_face_iou)

    def _run(self, square: Image) -> tuple[Scores, Boxes]:
        """For every place the score of a face there, and its box in pixels of the square.

        The network gives a box's centre as its distance from the place's, then its width and height, then six points of
        the face that nobody needs here.
        """
        if self._network is None:
            raise RuntimeError("face detector is not loaded, expected a call of load() first")
        self._network.setInput(cv2.dnn.blobFromImage(square, 1 / 127.5, mean=(127.5, 127.5, 127.5)))
        outputs = self._network.forward(self._network.getUnconnectedOutLayersNames())
        logits, values = sorted(outputs, key=lambda output: output.shape[-1])
        if not (np.isfinite(logits).all() and np.isfinite(values).all()):
            raise ClipError(FailureKind.ANNOTATOR, "the face network gave NaN or infinity, expected numbers")
        rows, columns = np.mgrid[: _SIDE // _STRIDE, : _SIDE // _STRIDE]
        places = (np.stack([columns.ravel(), rows.ravel()], axis=-1) + 0.5) * _STRIDE
        centers, sizes = places + values[0, :, :2], values[0, :, 2:4]
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(np.float64), -100, 100)))
        return scores, np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1).astype(np.float64)


def _weights() -> Path:
    if not _WEIGHTS.is_file():
        raise FileNotFoundError(f"{_WEIGHTS} is missing; install the package again, with its data")
    return _WEIGHTS


def _letterbox(image: Image, window: tuple[int, int, int, int], scale: float) -> Image:
    """The window at the network's size, in the middle of a black square; black too where it leaves the picture."""
    x0, y0, x1, y1 = window
    height, width = image.shape[:2]
    inside = image[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    whole = cv2.copyMakeBorder(
        inside, max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width), cv2.BORDER_CONSTANT
    )
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    small = cv2.resize(whole, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2
    square = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _merge(faces: list[FaceBox], same_iou: float) -> list[FaceBox]:
    """One face of every group that overlaps its best: the mean box, weighted by score, and the best score."""
    left = sorted(faces, key=lambda face: -face.score)
    merged = []
    while left:
        group = [face for face in left if face is left[0] or _iou(face, left[0]) > same_iou]
        left = [face for face in left if face not in group]
        box = np.average([face[:4] for face in group], axis=0, weights=[face.score for face in group])
        x0, y0, x1, y1 = box.tolist()
        merged.append(FaceBox(x0, y0, x1, y1, group[0].score))
    return merged


def _iou(one: FaceBox, other: FaceBox) -> float:
    width = max(0.0, min(one.x1, other.x1) - max(one.x0, other.x0))
    height = max(0.0, min(one.y1, other.y1) - max(one.y0, other.y0))
    shared = width * height
    areas = (one.x1 - one.x0) * (one.y1 - one.y0) + (other.x1 - other.x0) * (other.y1 - other.y0)
    return shared / (areas - shared) if shared else 0.0
