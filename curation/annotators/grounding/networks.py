"""What the locator asks of its two networks."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from curation.records import Image, Mask
from dataset_schema import Annotator

Boxes = npt.NDArray[np.float64]  # (boxes, 4): x0, y0, x1, y1 in pixels, `[x0, x1) x [y0, y1)`


class Question(NamedTuple):
    """A frame, and the words whose entities it may show."""

    image: Image
    words: Sequence[str]


class WordBoxes(NamedTuple):
    """Every box a detector proposes for a question, and its score in [0, 1] for every word: (boxes, words)."""

    boxes: Boxes
    scores: npt.NDArray[np.float64]


class BoxDetector(Protocol):
    """Proposes boxes for words."""

    def describe(self) -> Annotator:
        """Its name and weights; raises FileNotFoundError for missing ones."""
        ...

    def load(self) -> None:
        """Load the weights; idempotent."""
        ...

    def find_boxes(self, questions: Sequence[Question]) -> list[WordBoxes]:
        """The proposals for every question; boxes may reach out of the frame."""
        ...


class BoxedImage(NamedTuple):
    """A frame, and the boxes of the things whose outlines are asked for."""

    image: Image
    boxes: Boxes


class ScoredMask(NamedTuple):
    """An outline over the whole frame, and how sure the segmenter is of it, in [0, 1]."""

    mask: Mask
    score: float


class BoxSegmenter(Protocol):
    """Outlines what a box holds."""

    def describe(self) -> Annotator:
        """Its name and weights; raises FileNotFoundError for missing ones."""
        ...

    def load(self) -> None:
        """Load the weights; idempotent."""
        ...

    def segment(self, pictures: Sequence[BoxedImage]) -> list[list[ScoredMask]]:
        """For every picture one mask per box, in order; a mask may reach out of its box."""
        ...
