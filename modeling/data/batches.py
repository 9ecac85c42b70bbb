"""From samples to training batches: decoded clips, captions, augmented reference images, dropped conditions.

A batch is a function of the run's seed and the step. Nothing is remembered between steps but decoded clips, and only to
save time. So a clip that cannot be read stops training, with its name: to leave it out would make the batch depend on
what the disk did, and a resumed run, or another number of ranks, would see other batches.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dataset_schema import Bucket
from modeling.data.cache import ClipCache
from modeling.data.clips import Clip, ClipReader, DecodedClips
from modeling.data.handover import Handover
from modeling.data.prefetch import BoundedMemory, prefetch
from modeling.data.range_cache import RangeCacheConfig
from modeling.data.reference_images import ReferenceImage, ReferenceImages
from modeling.data.schedule import BatchingConfig, BatchSchedule, Draw
from modeling.data.store import SampleStore
from modeling.data.video import Video
from modeling.data.windows import draw_window_s, window_starts_s
from modeling.encoders import LatentGeometry, TextTokens
from modeling.randomness import numpy_generator
from storage.configs import strict
from storage.numbers import expect_at_least, expect_share

_PLAIN = Handover()


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """What a batch holds.

    Attributes:
        buckets: FRAMESxHEIGHTxWIDTH, sizes to train at: every clip at each that it fills. Empty: the sizes that the
            clips were curated for.
        windows: how many parts of a clip there are to see where it lasts longer than its bucket, evenly from its first
            frames to its last; each visit shows one. None: any part, in steps of 1/24 s, of decoded videos, and the
            first alone of a cached clip, because each is an entry of the cache. Our choice, as the paper says nothing:
            always the first frames would leave most of a long clip unseen.
        text_dropout: how often a clip's text is set to zero (B.2); `image_dropout` likewise for all its images.
        draws_references: whether each visit to a clip draws some of its reference images (A.3). False is the ablation
            that 3.3 warns of: always all of them, with the background, so that their number tells what the clip shows.
        augments_references: whether they are changed (Table 4). False is the ablation "no augmentation" of Table 3:
            the pictures as curation cut them, whose size, light and pose the model learns to copy.
        random_background_probability: how often a segmented reference image is pasted onto a background, so that users
            need not segment their pictures. The supplement (D) only plans it, so 0 leaves all on white. Our choice: a
            part of another clip's background, after Table 4, each image for itself.
        most_unread_references: of all reference images, the share whose word may lie behind what the text encoder reads
            of the caption. Such images are left out of every batch and named before training; more of them stop it. Our
            choice: a tenth; beyond that the captions and the encoder do not belong together.
        uses_cache: latents and text tokens come from the dataset's cache, which `make cache` writes; no video is
            decoded, and neither autoencoder nor text encoder runs.
        range_cache: where the media of a dataset in a store of objects are kept on this machine.
        memory_mb: of decoded clips to keep, for datasets that are small beside the memory.
        batches_ahead: batches that are made while one is used, each in the memory of its pixels, at most 204 MiB in
            the buckets of Table 6. Our choice: 4, as measured (docs/training.md): steps of small clips, which take
            longer to read than to train on, are covered by those of large ones.
        threads: clips that are read, decoded and augmented at once. Our choice: 4; with one model of 2 billion
            weights on a GPU that is too few, whose preset has 16 (docs/training.md).
    """

    batching: BatchingConfig = field(default_factory=BatchingConfig)
    buckets: tuple[Bucket, ...] = ()
    windows: int | None = None
    text_dropout: float = 0.1
    image_dropout: float = 0.1
    draws_references: bool = True
    augments_references: bool = True
    random_background_probability: float = 0.0
    most_unread_references: float = 0.1
    uses_cache: bool = False
    range_cache: RangeCacheConfig = field(default_factory=RangeCacheConfig)
    memory_mb: int = 1024
    batches_ahead: int = 4
    threads: int = 4

    def __post_init__(self) -> None:
        expect_at_least(1, "data", self, "batches_ahead", "threads", "windows")
        expect_at_least(0, "data", self, "memory_mb")
        shares = ("text_dropout", "image_dropout", "random_background_probability", "most_unread_references")
        expect_share("data", self, *shares)

    @property
    def cached_windows(self) -> int:
        """How many windows of each clip the cache holds."""
        return self.windows or 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """One clip of a batch.

    Attributes:
        place: in the step's batch over all ranks; its noise is keyed by it.
        video: None where `latents` and `text` come from the cache.
        images: reference images, the background last; none where the image condition is dropped.
        drops_text: whether the text is set to zero.
    """

    clip_id: str
    place: int
    video: Video | None
    latents: Float[Tensor, "channels time latent_height latent_width"] | None
    caption: str
    text: TextTokens | None
    images: tuple[ReferenceImage, ...]
    drops_text: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """The clips of one step on one rank, all of one bucket.

    Attributes:
        stacked: the videos of all clips, or their latents from the cache, where the device fetches them; the examples
            have parts of it.
    """

    step: int
    bucket: Bucket
    examples: tuple[Example, ...]
    stacked: Tensor

    def videos(self) -> UInt8[Tensor, "batch frames height width 3"]:
        """All clips.

        Raises:
            ValueError: the clips came from the cache, without their videos.
        """
        if any(example.video is None for example in self.examples):
            raise ValueError(
                f"the batch of step {self.step} comes from the cache, which has no videos; use its latents"
            )
        return self.stacked

    def latents(self) -> Float[Tensor, "batch channels time latent_height latent_width"] | None:
        """The cached latents of all clips; None for a batch of videos."""
        return None if any(example.latents is None for example in self.examples) else self.stacked

    def texts(self) -> list[TextTokens] | None:
        """The cached text tokens of all clips; None for a batch of videos."""
        return [example.text for example in self.examples if example.text is not None] or None

    def split(self, clips: int) -> list["Batch"]:
        """Equal parts of `clips` clips, in their order, for accumulating gradients.

        Raises:
            ValueError: the batch is no multiple of `clips`.
        """
        if clips < 1 or len(self.examples) % clips:
            raise ValueError(
                f"the batch of step {self.step} has {len(self.examples)} clips, expected a multiple of {clips} to split"
            )
        parts = (slice(start, start + clips) for start in range(0, len(self.examples), clips))
        return [replace(self, examples=self.examples[part], stacked=self.stacked[part]) for part in parts]


def _stacked(step: int, bucket: Bucket, examples: list[Example], handover: Handover) -> Batch:
    """The batch of some examples, whose videos or latents are then parts of one tensor, and nowhere else."""
    videos = [torch.from_numpy(example.video) for example in examples if example.video is not None]
    latents = [example.latents for example in examples if example.latents is not None]
    stacked = handover.stacked(videos or latents)
    parts = (
        replace(example, video=part.numpy()) if videos else replace(example, latents=part)
        for example, part in zip(examples, stacked, strict=True)
    )
    return Batch(step=step, bucket=bucket, examples=tuple(parts), stacked=stacked)


class _Wanted(NamedTuple):
    """Which clip to read, from when on, and whether with its reference images."""

    bucket: Bucket
    row: int
    window_s: float
    with_references: bool


class Share(NamedTuple):
    """Every `ranks`-th clip of a step, so that the whole batch does not depend on how many processes share it."""

    rank: int = 0
    ranks: int = 1


class BatchLoader:
    """Makes the batch of any step.

    Args:
        clips: a dataset, whose videos are then decoded, or its cache.
        config: batch sizes and dropout.
        seed: of the run.
        max_images: reference images of a clip.
        latents: that the clips become.
        share: what this process makes of a step.

    Attributes:
        clips_per_bucket: how many there are; buckets without any are not listed.

    Raises:
        ValueError: the config wants a cache and `clips` is none, or the other way round; the ranks cannot share a
            batch equally; or the dataset lacks the clips of several subjects or the backgrounds that the config wants.
    """

    def __init__(
        self,
        clips: SampleStore | ClipCache,
        config: DataConfig,
        *,
        seed: int,
        max_images: int,
        latents: LatentGeometry,
        share: Share = Share(),  # noqa: B008  a tuple
    ) -> None:
        if config.uses_cache != isinstance(clips, ClipCache):
            raise ValueError(f"data has uses_cache {config.uses_cache}, but the loader got a {type(clips).__name__}")
        config.batching.check_ranks(share.ranks)
        reader: ClipReader = clips if isinstance(clips, ClipCache) else DecodedClips(clips)
        self.clips_per_bucket = reader.store.clips_per_bucket()
        self._schedule = BatchSchedule(
            self.clips_per_bucket,
            config.batching,
            seed=seed,
            multi_subject_clips=reader.store.multi_subject_clips() if config.batching.multi_subject_share > 0 else {},
            latents=latents,
        )
        self._images = ReferenceImages(
            reader.store,
            seed=seed,
            max_images=max_images,
            draws_references=config.draws_references,
            augments_references=config.augments_references,
            random_background_probability=config.random_background_probability,
        )
        self._store = reader.store
        self._windows = config.cached_windows if config.uses_cache else config.windows
        self._config = config
        self._seed = seed
        self._share = share
        self._latents = latents
        self._threads = ThreadPoolExecutor(max_workers=config.threads, thread_name_prefix="clips")
        self._clips: BoundedMemory[_Wanted, Clip] = BoundedMemory(
            lambda wanted: reader.read(
                wanted.bucket, wanted.row, window_s=wanted.window_s, with_references=wanted.with_references
            ),
            size_bytes=lambda clip: clip.size_bytes,
            limit_bytes=config.memory_mb * 2**20,
        )

    def batch(self, step: int, *, with_references: bool = True, handover: Handover = _PLAIN) -> Batch:
        """The batch of a step, from 0 on; without references no clip gets an image."""
        image_dropout = self._config.image_dropout if with_references else 1.0
        return self._make(step, text_dropout=self._config.text_dropout, image_dropout=image_dropout, handover=handover)

    def turns(self, bucket: Bucket, *, least: int, with_references: bool) -> Iterator[Batch]:
        """Clips of a bucket, in the order of their ids and with every condition kept, to look at them again and again.

        A batch has as many as a device holds at a time. Where the clips end before it is full, they begin anew; so the
        `place` of an example is the number of its clip until all have come.

        Args:
            bucket: one that has clips.
            least: how many to give, over all ranks, where the bucket has so many.
            with_references: otherwise no clip gets an image.
        """
        rank, ranks = self._share
        count = self._config.batching.clips_per_device(bucket, self._latents)
        clips = self.clips_per_bucket[bucket]
        for turn in range(math.ceil(min(least, clips) / (count * ranks))):
            places = [(turn * count + number) * ranks + rank for number in range(count)]
            draws = [(place, Draw(place % clips, visit=0)) for place in places]
            yield self._batch(0, bucket, draws, text_dropout=0.0, image_dropout=0.0 if with_references else 1.0)

    def probe(self) -> Batch:
        """The clips of step 0 with every condition kept, to measure what conditions are worth."""
        return self._make(0, text_dropout=0.0, image_dropout=0.0)

    def batches(self, steps: range, *, with_references: bool = True, handover: Handover = _PLAIN) -> Iterator[Batch]:
        """The batches of `steps`, made in the background while those before are used, and handed over so."""

        def make(step: int) -> Batch:
            return self.batch(step, with_references=with_references, handover=handover)

        return prefetch(make, steps, threads=self._config.batches_ahead)

    def _make(self, step: int, *, text_dropout: float, image_dropout: float, handover: Handover = _PLAIN) -> Batch:
        draws = list(enumerate(self._schedule.draws(step)))[self._share.rank :: self._share.ranks]
        bucket = self._schedule.bucket(step)
        return self._batch(
            step, bucket, draws, text_dropout=text_dropout, image_dropout=image_dropout, handover=handover
        )

    def _batch(
        self,
        step: int,
        bucket: Bucket,
        draws: Sequence[tuple[int, Draw]],
        *,
        text_dropout: float,
        image_dropout: float,
        handover: Handover = _PLAIN,
    ) -> Batch:
        """Of the draws, each with its place."""

        def example(numbered: tuple[int, Draw]) -> Example:
            place, draw = numbered
            clip = self._clips.get(_Wanted(bucket, draw.row, self._window_s(bucket, draw), image_dropout < 1))
            dropout = numpy_generator("dropout", self._seed, clip.sample.clip_id, draw.visit).random(2)
            return Example(
                clip_id=clip.sample.clip_id,
                place=place,
                video=clip.video,
                latents=clip.latents,
                caption=clip.sample.caption,
                text=clip.text,
                images=self._images.of(clip.sample, draw.visit, prepare=handover.prepare_image)
                if dropout[0] >= image_dropout
                else (),
                drops_text=bool(dropout[1] < text_dropout),
            )

        return _stacked(step, bucket, list(self._threads.map(example, draws)), handover)

    def _window_s(self, bucket: Bucket, draw: Draw) -> float:
        duration_s, clip_id = self._store.duration_s(bucket, draw.row), self._store.clip_id(bucket, draw.row)
        starts_s = window_starts_s(duration_s, bucket, fps=self._store.fps, most=self._windows)
        return draw_window_s(starts_s, seed=self._seed, clip_id=clip_id, visit=draw.visit)
