"""Clips that are drawn for the purpose: as many as wanted, with labels that are right by construction."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Final, Literal

import cv2

from curation.annotators.content.network import ContentInput
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.clips import LabelledClip, generate_clip
from curation.content_training.dataset import LabelledInputs, Progress, SplitInputs, store_inputs
from storage.configs import strict
from storage.numbers import expect_at_least

# Seeds of the splits are far apart, so that no clip is in two of them.
_SEED_STEP: Final = 1_000_003
# Clips that one process makes before it hands them over.
_CHUNK: Final = 8

_ORIGIN: Final = (
    "Clips drawn by `curation/content_training`, seed {seed}; the classes take turns. No photograph, video or label of "
    "anybody else went into them."
)


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnClips:
    """How many clips are drawn for each split.

    Attributes:
        workers: processes that draw.
    """

    profile: Literal["drawn"] = "drawn"
    training: int = 2000
    validation: int = 300
    test: int = 300
    workers: int = 1

    def __post_init__(self) -> None:
        expect_at_least(len(CONTENT_CLASSES), "drawn clips", self, "training", "validation", "test")  # one of each
        expect_at_least(1, "drawn clips", self, "workers")

    def gather(self, form: ContentInput, seed: int, progress: Progress | None = None) -> SplitInputs:
        """Draw them all."""
        counts = (self.training, self.validation, self.test)
        training, validation, test = (
            generate_inputs(seed + place * _SEED_STEP, count, form, workers=self.workers, progress=progress)
            for place, count in enumerate(counts)
        )
        return SplitInputs(training, validation, test, _ORIGIN.format(seed=seed))


def generate_inputs(
    seed: int, count: int, form: ContentInput, *, workers: int, progress: Progress | None = None
) -> LabelledInputs:
    """The first `count` clips of a seed, prepared for the network."""
    return store_inputs(_counted(_generate(seed, count, form, workers), count, progress), count, form)


def _counted(clips: Iterator[LabelledClip], count: int, progress: Progress | None) -> Iterator[LabelledClip]:
    for done, clip in enumerate(clips, start=1):
        yield clip
        if progress is not None:
            progress("draw clips", done, count)


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
