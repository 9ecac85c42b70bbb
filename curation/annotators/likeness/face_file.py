"""How alike two faces are, by a network of the user's own: an ArcFace or one like it, as an ONNX file.

No weights come along. OpenCV reads the file, so that no other runtime is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import CutoutEncoder
from curation.deferred import Deferred
from curation.records import Cutout
from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind
from storage.configs import PRESET_ONLY, strict

cv2: Any = Deferred("cv2")

_SIDE: Final = 112
_ZIP: Final = b"PK\x03\x04"  # what torch writes
_EXPORT: Final = 'torch.onnx.export(network, torch.zeros(1, 3, 112, 112), "face.onnx")'


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class FaceFileConfig:
    """Which file, and what numbers it wants.

    Attributes:
        file: an ONNX network that takes (1, 3, 112, 112), RGB, and gives one vector.
        pixel_mean: taken from every pixel, 0 to 255. ArcFace's published networks want 127.5; OpenCV's SFace wants 0.
        pixel_scale: what the rest is divided by: 127.5, and 1 for SFace.
    """

    file: Path
    pixel_mean: float = field(default=127.5, metadata=PRESET_ONLY)
    pixel_scale: float = field(default=127.5, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if not 0 <= self.pixel_mean <= 255:
            raise ValueError(f"pixel_mean is {self.pixel_mean}, expected 0 to 255")
        if self.pixel_scale <= 0:
            raise ValueError(f"pixel_scale is {self.pixel_scale}, expected a positive number")

    def build(self) -> CutoutEncoder:
        """The encoder; nothing is loaded yet."""
        return FaceFileEncoder(self)


class FaceFileEncoder:
    """A `CutoutEncoder` of face crops.

    Our choice: the detector's box, extended as the authors' benchmark does, and not a face turned upright by its eyes
    and mouth, because that is what a dataset holds. Networks like ArcFace were trained on upright faces, so a head that
    is tilted looks less like itself than it could.

    Attributes:
        same_subject: what OpenCV's documentation gives for its SFace on LFW; for another network give one of its own.
    """

    same_subject: ClassVar[float] = 0.363

    def __init__(self, config: FaceFileConfig) -> None:
        self._config = config
        self._network: Any = None

    def describe(self) -> Annotator:
        """The file's name and hash.

        Raises:
            FileNotFoundError: it is not there.
        """
        digest = sha256(self._content()).hexdigest()
        return Annotator(job="face likeness", name=self._config.file.name, revision="1", weights_sha256=digest)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(timeout_s=60.0)

    def load(self) -> None:
        """Read the network, and try it; idempotent.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: OpenCV does not read it, or it takes or gives something else.
        """
        if self._network is not None:
            return
        file, content = self._config.file, self._content()
        if content.startswith(_ZIP):
            raise ValueError(
                f"{file} is an archive such as torch writes, in which programs may be; expected ONNX: {_EXPORT}"
            )
        try:
            network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
        except cv2.error as error:
            raise ValueError(
                f"{file} is no ONNX network that OpenCV reads ({_said(error)}); expected one such as {_EXPORT} writes"
            ) from error
        _expect_vector(file, network)
        self._network = network

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        """One vector per face, of length one.

        Raises:
            ClipError: the network gives NaN, or nothing but zeros.
        """
        if self._network is None:
            raise RuntimeError("face network is not loaded, expected a call of load() first")
        vectors = np.stack([self._vector(cutout) for cutout in cutouts])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(vectors).all() and lengths.all()):
            raise ClipError(
                FailureKind.ANNOTATOR,
                f"{self._config.file} gives NaN or zeros for a face, expected a vector; is its pixel_scale right?",
            )
        return np.asarray(vectors / lengths, np.float64)

    def _vector(self, cutout: Cutout) -> npt.NDArray[np.float64]:
        """What is transparent has the mean, which the network sees as nothing."""
        opaque = cutout[..., 3:] > 0
        shown = np.where(opaque, cutout[..., :3], self._config.pixel_mean).astype(np.float32)
        square = cv2.resize(shown, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
        pixels = (square - self._config.pixel_mean) / self._config.pixel_scale
        self._network.setInput(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32))
        return np.asarray(self._network.forward(), np.float64).ravel()

    def _content(self) -> bytes:
        if not self._config.file.is_file():
            raise FileNotFoundError(f"face network {self._config.file} is no file, expected an ONNX network")
        return self._config.file.read_bytes()


def _expect_vector(file: Path, network: Any) -> None:
    try:
        network.setInput(np.zeros((1, 3, _SIDE, _SIDE), np.float32))
        shape = network.forward().shape
    except cv2.error as error:
        raise ValueError(f"{file} does not take a picture of (1, 3, {_SIDE}, {_SIDE}) ({_said(error)})") from error
    if len(shape) < 2 or shape[0] != 1 or max(shape) < 2 or int(np.prod(shape)) != max(shape):
        raise ValueError(f"{file} gives numbers of the shape {shape}, expected one vector for a face")


def _said(error: Exception) -> str:
    """The last line of what OpenCV says, which is the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
