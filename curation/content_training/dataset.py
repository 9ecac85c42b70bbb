"""Generated clips in the form that the network reads, held in memory as 8-bit channels."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from curation.annotators.content import ContentInput
from curation.content_training.clips import LabelledClip, generate_clip

# Clips that one process makes before it hands them over.
_CHUNK = 8


class LabelledInputs(NamedTuple):
    """Prepared clips (clips, frames, side, side, 3) and their class indices."""

    inputs: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


Progress = Callable[[str, int, int], None]  # what is being done, how much is done, of how much


def generate_inputs(
    seed: int, count: int, form: ContentInput, *, workers: int, progress: Progress | None = None
) -> LabelledInputs:
    """The first `count` clips of a seed, prepared for the network."""
    inputs, labels = None, np.empty(count, np.int64)
    for index, clip in enumerate(_generate(seed, count, form, workers)):
        if inputs is None:
            inputs = np.empty((count, *clip.frames.shape), np.uint8)
        inputs[index], labels[index] = clip
        if progress is not None:
            progress("draw clips", index + 1, count)
    if inputs is None:
        raise ValueError(f"count is {count}, expected at least one clip")
    return LabelledInputs(inputs, labels)


def _generate(seed: int, count: int, form: ContentInput, workers: int) -> Iterator[LabelledClip]:
    make = partial(_prepared_clip, seed, form)
    if workers == 1:
        yield from map(make, range(count))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_use_one_thread) as pool:
        yield from pool.map(make, range(count), chunksize=_CHUNK)


def _prepared_clip(seed: int, form: ContentInput, index: int) -> LabelledClip:
    clip = generate_clip(seed, index)
    return LabelledClip(form.prepare(clip.frames), clip.label)


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
