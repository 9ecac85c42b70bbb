"""Labelled clips in the form that the network reads, held as 8-bit channels; whether they were drawn or filmed."""

import os
from collections.abc import Callable, Iterable
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curation.annotators.content.network import ContentInput
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.clips import LabelledClip
from curation.content_training.real_clips import Lost
from curation.video.sampling import CONTENT_FRAMES

Progress = Callable[[str, int, int], None]  # what is being done, how much is done, of how much


class LabelledInputs(NamedTuple):
    """Prepared clips (clips, frames, side, side, 3) and their class indices."""

    inputs: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    @property
    def class_counts(self) -> npt.NDArray[np.int64]:
        """Clips of each class, in the order of CONTENT_CLASSES."""
        return np.bincount(self.labels, minlength=len(CONTENT_CLASSES))


class SplitInputs(NamedTuple):
    """What the network learns from, what chooses its threshold, what judges it.

    Attributes:
        origin: where the clips come from, in a few sentences for the model card.
        lost: clips that have a label and could not be decoded.
    """

    training: LabelledInputs
    validation: LabelledInputs
    test: LabelledInputs
    origin: str
    lost: tuple[Lost, ...] = ()


def store_inputs(clips: Iterable[LabelledClip], at_most: int, form: ContentInput) -> LabelledInputs:
    """The clips in an unnamed temporary file, so that the disk and not the memory limits how many there may be.

    Raises:
        ValueError: the disk has no room for `at_most` clips; 2.4 MB each at 224 x 224 pixels.
    """
    shape = (at_most, CONTENT_FRAMES, form.side, form.side, 3)
    with TemporaryFile() as file:
        size_bytes = int(np.prod(shape))
        try:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
        except OSError as error:
            raise ValueError(
                f"{at_most} clips need {size_bytes / 1e9:.1f} GB of temporary files ({error}); name a larger disk "
                "with the environment variable TMPDIR"
            ) from error
        inputs = np.memmap(file, np.uint8, "r+", shape=shape)
    labels: list[int] = []
    for clip in clips:
        inputs[len(labels)] = clip.frames
        labels.append(clip.label)
    return LabelledInputs(inputs[: len(labels)], np.array(labels, np.int64))
