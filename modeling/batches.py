"""From samples to training batches: decoded clips, captions, augmented reference images, dropped conditions.

A batch is a function of the run's seed and the step. Nothing is remembered between steps but decoded videos.
"""

import io
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from dataset_schema import Bucket, Payload, Sample
from modeling.augmentation import augment, draw_augmentation
from modeling.batching import BatchingConfig, BatchSchedule
from modeling.dataset import SampleStore
from modeling.randomness import numpy_generator
from modeling.references import select_reference_images
from modeling.video import Video, decode_clip


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """What a batch holds.

    Attributes:
        buckets: FRAMESxHEIGHTxWIDTH, sizes to train at: every clip at the largest that it fills. Empty: each at the one
            it was curated for.
        text_dropout: how often a clip's text is set to zero (B.2); `image_dropout` likewise for all its images.
        clips_in_memory: decoded clips to keep, for datasets that are small beside the memory.
    """

    batching: BatchingConfig = field(default_factory=BatchingConfig)
    buckets: tuple[str, ...] = ()
    text_dropout: float = 0.1
    image_dropout: float = 0.1
    clips_in_memory: int = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConditionImage:
    """A picture, and the characters `[start, end)` of the caption that name what it shows; equal if none do."""

    start: int
    end: int
    image: Image.Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """One clip of a batch.

    Attributes:
        place: in the step's batch over all ranks; its noise is keyed by it.
        images: reference images, the background last; none where the image condition is dropped.
        drops_text: whether the text is set to zero.
    """

    clip_id: str
    place: int
    video: Video
    caption: str
    images: tuple[ConditionImage, ...]
    drops_text: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """The clips of one step on one rank, all of one bucket."""

    step: int
    bucket: Bucket
    examples: tuple[Example, ...]

    def videos(self) -> UInt8[Tensor, "batch frames height width 3"]:
        """All clips."""
        return torch.from_numpy(np.stack([example.video for example in self.examples]))


class BatchLoader:
    """Makes the batch of any step.

    Args:
        store: the clips.
        config: batch sizes and dropout.
        seed: of the run.
        max_images: reference images of a clip.
        rank: takes every `ranks`-th clip of a step, so that the whole batch does not depend on how many share it.
        ranks: processes that share a step.
    """

    def __init__(
        self, store: SampleStore, config: DataConfig, *, seed: int, max_images: int, rank: int = 0, ranks: int = 1
    ) -> None:
        self._schedule = BatchSchedule(store.clips_per_bucket(), config.batching, seed=seed)
        self._store = store
        self._config = config
        self._seed = seed
        self._max_images = max_images
        self._rank, self._ranks = rank, ranks
        self._read = lru_cache(maxsize=config.clips_in_memory)(self._read_clip)

    def batch(self, step: int, *, with_references: bool = True) -> Batch:
        """The batch of a step, from 0 on; without references no clip gets an image."""
        image_dropout = self._config.image_dropout if with_references else 1.0
        return self._make(step, text_dropout=self._config.text_dropout, image_dropout=image_dropout)

    def probe(self) -> Batch:
        """The clips of step 0 with every condition kept, to measure what conditions are worth."""
        return self._make(0, text_dropout=0.0, image_dropout=0.0)

    def batches(self, steps: range, *, with_references: bool = True) -> Iterator[Batch]:
        """The batches of `steps`, each made in the background while the one before is used."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as maker:
            pending: deque[Future[Batch]] = deque()
            for step in steps:
                pending.append(maker.submit(self.batch, step, with_references=with_references))
                if len(pending) > 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _make(self, step: int, *, text_dropout: float, image_dropout: float) -> Batch:
        bucket = self._schedule.bucket(step)
        places = list(enumerate(self._schedule.draws(step)))[self._rank :: self._ranks]
        examples = []
        for place, draw in places:
            sample, video = self._read(bucket, draw.row)
            dropout = numpy_generator("dropout", self._seed, sample.clip_id, draw.epoch).random(2)
            examples.append(
                Example(
                    clip_id=sample.clip_id,
                    place=place,
                    video=video,
                    caption=sample.caption,
                    images=self._condition_images(sample, draw.epoch) if dropout[0] >= image_dropout else (),
                    drops_text=bool(dropout[1] < text_dropout),
                )
            )
        return Batch(step=step, bucket=bucket, examples=tuple(examples))

    def _condition_images(self, sample: Sample, epoch: int) -> tuple[ConditionImage, ...]:
        generator = numpy_generator("references", self._seed, sample.clip_id, epoch)
        images = []
        for selected in select_reference_images(sample, generator, max_images=self._max_images):
            try:
                image = self._open_image(selected.image)
            except (ValueError, OSError) as error:
                raise ValueError(f"clip {sample.clip_id}: reference image cannot be read ({error})") from error
            augmentation = draw_augmentation(image.width, image.height, generator)
            images.append(ConditionImage(start=selected.start, end=selected.end, image=augment(image, augmentation)))
        return tuple(images)

    def _read_clip(self, bucket: Bucket, index: int) -> tuple[Sample, Video]:
        sample = self._store.read(bucket, index)
        try:
            video = decode_clip(self._content(sample.video), bucket, start_s=sample.video_start_s)
        except (ValueError, OSError) as error:
            raise ValueError(f"clip {sample.clip_id}: {error}") from error
        return replace(sample, video=Payload(path="decoded")), video

    def _open_image(self, payload: Payload) -> Image.Image:
        content = self._content(payload)
        image = Image.open(io.BytesIO(content) if isinstance(content, bytes) else content)
        image.load()
        return image

    def _content(self, payload: Payload) -> bytes | Path:
        """The payload's bytes, or its path; a relative one is relative to the dataset."""
        if payload.bytes is not None:
            return payload.bytes
        if "://" in str(payload.path):
            raise ValueError(f"{payload.path} is not a local file; mount or copy it, or publish videos into the shards")
        return self._store.dataset / str(payload.path)
