"""The foreground of a picture by a small network that was made to cut people out of video calls.

It was trained on people only, but what it learned reaches further: it also finds most animals and many things that
stand in front of something (`weights/foreground/README.md`). It says how far something reaches, never what it is.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from curation.deferred import Deferred
from curation.records import Image
from dataset_schema import Annotator

cv2: Any = Deferred("cv2")

FOREGROUND_WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "foreground"

_FILE: Final = "selfie_segmentation.tflite"

# Height and width that the network reads; the weights fix them.
_SIDE: Final = 256

Plane = npt.NDArray[np.float32]  # (height, width)


class Foreground(Protocol):
    """Tells foreground from background in a picture."""

    def describe(self) -> Annotator:
        """Name and weights, without loading them."""
        ...

    def load(self) -> None:
        """Read the weights; idempotent."""
        ...

    def probability(self, picture: Image) -> Plane:
        """How surely each pixel of the picture belongs to the foreground, [0, 1]."""
        ...


class ForegroundNetwork:
    """MediaPipe's selfie segmentation, run by OpenCV: about 10 ms a picture on one core."""

    def __init__(self, folder: Path = FOREGROUND_WEIGHTS) -> None:
        self._folder = folder
        self._network: Any = None

    def describe(self) -> Annotator:
        """Name and weights, without loading them.

        Raises:
            FileNotFoundError: the weights are missing.
        """
        digest = sha256(self._path().read_bytes()).hexdigest()
        return Annotator(job="locate", name="selfie-segmentation", revision="mediapipe-0.10.21", weights_sha256=digest)

    def load(self) -> None:
        """Read the weights; idempotent.

        Raises:
            FileNotFoundError: they are missing.
            ValueError: OpenCV cannot read them.
        """
        if self._network is None:
            path = self._path()
            try:
                self._network = cv2.dnn.readNetFromTFLite(str(path))
            except cv2.error as error:
                raise ValueError(
                    f"{path} is no TFLite file that OpenCV {cv2.__version__} can read; install the package again"
                ) from error

    def probability(self, picture: Image) -> Plane:
        """How surely each pixel belongs to the foreground; the picture is squeezed into the network's square."""
        if self._network is None:
            raise RuntimeError("foreground network is not loaded, expected a call of load() first")
        squeezed = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        self._network.setInput(cv2.dnn.blobFromImage(squeezed))
        found = np.clip(self._network.forward().reshape(_SIDE, _SIDE), 0, 1)
        probability: Plane = cv2.resize(found, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return probability

    def _path(self) -> Path:
        path = self._folder / _FILE
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; it comes with the package, so install the package again")
        return path
