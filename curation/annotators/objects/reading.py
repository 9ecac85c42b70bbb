"""What NanoDet reads of a picture, and the boxes that come of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from curation.annotators.objects.network import BINS, STRIDES, HeadOutput, NanoDet
from curation.annotators.protocols import ObjectCandidates
from curation.annotators.tensors import check_finite, one_thread
from curation.records import Image

# The long side of a picture that the network was trained with (`input_size` in nanodet-g.yml).
LONG_SIDE: Final = 416

# Blue, green, red, in levels of 8 bits (`normalize` in nanodet-g.yml).
_MEAN: Final = (103.53, 116.28, 123.675)
_STD: Final = (57.375, 57.12, 58.395)

Size: TypeAlias = tuple[int, int]  # height and width


@dataclass(frozen=True, slots=True, eq=False)
class LoadedNanoDet:
    """The network with its weights, on a CPU."""

    network: NanoDet

    @classmethod
    def load(cls, weights: Path) -> "LoadedNanoDet":
        """The network with the weights of a file; computed in float32, with a pixel's channels together in memory.

        Raises:
            RuntimeError: they are those of another network.
        """
        network = NanoDet()
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()})
        # torch's types do not know that a module takes a memory format.
        return cls(network.eval().to(memory_format=torch.channels_last))  # type: ignore[call-overload]

    def detect(self, images: Sequence[Image], min_score: float) -> list[ObjectCandidates]:
        """The candidates of each picture whose best score is at least this.

        One picture after another: on one core a batch gains nothing, and scores would change in their seventh digit
        with what else is in it.

        Raises:
            ClipError: the network gives NaN or infinity.
        """
        with torch.inference_mode(), one_thread():
            return [self._detect(image, min_score) for image in images]

    def _detect(self, image: Image, min_score: float) -> ObjectCandidates:
        scale, pixels = prepare(image)
        head = self.network(pixels)
        check_finite(head.scores, "NanoDet")
        check_finite(head.distances, "NanoDet")
        return candidates(head, (image.shape[0], image.shape[1]), scale, min_score)


def prepare(image: Image) -> tuple[float, torch.Tensor]:
    """The picture as the network reads it, (1, 3, height, width), and by how much it was scaled for that.

    Its long side becomes 416 and its proportions stay. What is missing to a multiple of 32 is black, right and below.
    """
    scale = LONG_SIDE / max(image.shape[:2])
    height, width = (_scaled(side, scale) for side in image.shape[:2])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    padded = np.zeros((_whole(height), _whole(width), 3), np.float32)
    padded[:height, :width] = cv2.resize(image, (width, height), interpolation=interpolation)[..., ::-1]
    padded -= np.array(_MEAN, np.float32)
    padded /= np.array(_STD, np.float32)
    return scale, torch.from_numpy(padded).permute(2, 0, 1)[None]


def candidates(head: HeadOutput, size: Size, scale: float, min_score: float) -> ObjectCandidates:
    """The places of one picture whose best class scores at least this, with their boxes in its own pixels.

    A box reaches from the middle of its place as far to each side as the distances' probabilities expect. What is left
    of a box outside the picture is cut off; one of which nothing remains lay in the black.

    Args:
        head: of one picture.
        size: height and width of the picture itself.
        scale: by how much it was scaled.
        min_score: the least best score.
    """
    height, width = size
    scores = head.scores[0].numpy()
    is_sure = scores.max(axis=1) >= min_score
    scores = scores[is_sure]
    distances = head.distances[0, torch.from_numpy(is_sure)]
    expected = (distances.softmax(-1) @ torch.arange(BINS, dtype=torch.float32)).numpy()
    middles, strides = _places(_whole(_scaled(height, scale)), _whole(_scaled(width, scale)))
    middles, reach = middles[is_sure], expected * strides[is_sure]
    boxes: npt.NDArray[Any] = np.concatenate([middles - reach[:, :2], middles + reach[:, 2:]], axis=1)
    boxes = (boxes / np.float32(scale)).clip(0, np.array([width, height, width, height], np.float32))
    is_one = (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
    return ObjectCandidates(boxes=boxes[is_one], scores=scores[is_one])


def _places(height: int, width: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The middle (x, y) of every place in pixels of the network's picture, and the stride of its level."""
    middles, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        middles.append((np.stack([columns.ravel(), rows.ravel()], axis=-1) + 0.5) * stride)
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(middles).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _scaled(side: int, scale: float) -> int:
    return max(1, round(side * scale))


def _whole(side: int) -> int:
    """The next multiple of the coarsest level's stride."""
    return -(-side // STRIDES[-1]) * STRIDES[-1]
