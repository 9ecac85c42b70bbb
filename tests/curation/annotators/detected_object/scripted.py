"""A detector that sees what a test says, in the order of the frames."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curation.annotators.objects.classes import COCO_CLASSES
from curation.annotators.protocols import ObjectCandidates
from curation.masks import mask_box
from curation.records import Image, Mask
from curation.stage import Resources
from dataset_schema import Annotator


class Seen(NamedTuple):
    """A box by its mask, and how surely it is of a class."""

    mask: Mask
    name: str
    score: float = 0.8


class ScriptedObjects:
    """An `ObjectDetector` of COCO's classes."""

    classes = COCO_CLASSES

    def __init__(self, frames: Sequence[Sequence[Seen]]) -> None:
        self._frames = frames

    def describe(self) -> Annotator:
        return Annotator(job="objects", name="scripted", revision="1", weights_sha256="0" * 64)

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None: ...

    def detect(self, images: Sequence[Image]) -> list[ObjectCandidates]:
        assert len(images) == len(self._frames)
        return [_candidates(seen) for seen in self._frames]


def _candidates(seen: Sequence[Seen]) -> ObjectCandidates:
    boxes = np.array([mask_box(each.mask) for each in seen], np.float32).reshape(-1, 4)
    scores = np.zeros((len(seen), len(COCO_CLASSES)), np.float32)
    for row, each in enumerate(seen):
        scores[row, COCO_CLASSES.index(each.name)] = each.score
    return ObjectCandidates(boxes, scores)
