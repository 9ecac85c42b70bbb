"""A box segmenter out of any SAM: batches, and what its answers are worth."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import torch

from curation.annotators.device import Device
from curation.annotators.grounding.networks import BoxedImage, Boxes, ScoredMask
from curation.annotators.tensors import check_finite
from curation.records import Image
from dataset_schema import Annotator


class Outlines(NamedTuple):
    """What a SAM answers for the boxes of one frame.

    Attributes:
        logits: (boxes, height, width), above 0 inside.
        scores: (boxes,), the IoU that it expects its mask to have; may exceed 1.
    """

    logits: torch.Tensor
    scores: torch.Tensor


class Outliner(Protocol):
    """A loaded SAM, whoever wrote it down."""

    def look(self, images: Sequence[Image]) -> list[Any]:
        """An embedding of every frame: nearly all of the work."""
        ...

    def outline(self, embedding: Any, boxes: Boxes, image: Image) -> Outlines:
        """One mask per box of a frame that was looked at."""
        ...


class Segmenter:
    """A `BoxSegmenter`: every frame is looked at once, whatever the number of its boxes.

    Args:
        describe: names the weights.
        load: loads the network.
        device: for its batch size.
    """

    def __init__(self, *, describe: Callable[[], Annotator], load: Callable[[], Outliner], device: Device) -> None:
        self.describe: Final = describe
        self._load = load
        self._device = device
        self._network: Outliner | None = None

    def load(self) -> None:
        """Load the network; idempotent."""
        self._loaded()

    def segment(self, pictures: Sequence[BoxedImage]) -> list[list[ScoredMask]]:
        """For every picture one mask per box, in order.

        Raises:
            ClipError: the network did not answer with numbers.
        """
        network = self._loaded()
        masks = []
        for start in range(0, len(pictures), self._device.batch_size):
            batch = pictures[start : start + self._device.batch_size]
            embeddings = network.look([picture.image for picture in batch])
            for picture, embedding in zip(batch, embeddings, strict=True):
                masks.append(_masks(network.outline(embedding, picture.boxes, picture.image)))
        return masks

    def _loaded(self) -> Outliner:
        if self._network is None:
            self._network = self._load()
        return self._network


def _masks(outlines: Outlines) -> list[ScoredMask]:
    check_finite(outlines.logits, "masks of the segmenter")
    check_finite(outlines.scores, "mask scores of the segmenter")
    masks = (outlines.logits > 0).cpu().numpy()
    scores = outlines.scores.double().clamp(0, 1).tolist()
    return [ScoredMask(np.asarray(mask, np.bool_), score) for mask, score in zip(masks, scores, strict=True)]
