"""Which clips make up the batch of a step (B.2, Table 6). Everything follows from the seed and the step number."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.data.epochs import MOST_VISITS, Epoch, Rows
from modeling.encoders import LatentGeometry
from modeling.randomness import numpy_generator
from storage.configs import strict
from storage.numbers import expect_at_least

_logger = logging.getLogger(__name__)

# Steps whose buckets are drawn from one generator; any number serves, the draws are the same only if it stays.
_DRAWS_AT_ONCE = 4096


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingConfig:
    """How many clips a step takes, and which more often.

    Attributes:
        tokens_per_device: latent tokens that one device holds at most, but never less than one clip.
        devices_per_group: devices that share a bucket; every batch is a multiple of it.
        multi_subject_share: of the clips seen, how many have several subjects with reference images, at least. The
            supplement (D) blames unnatural composition on their being a minority, but changes nothing, as 0 does. Our
            choice: an epoch shows such a clip up to four times, and every other clip once.

    The defaults reproduce all 18 batch sizes of Table 6.
    """

    tokens_per_device: int = 54_720
    devices_per_group: int = 16
    multi_subject_share: float = 0.0

    def __post_init__(self) -> None:
        expect_at_least(1, "batching", self, "tokens_per_device", "devices_per_group")
        if not 0 <= self.multi_subject_share < 1:
            raise ValueError(
                f"batching has multi_subject_share {self.multi_subject_share}, expected at least 0 and below 1"
            )

    def batch_size(self, bucket: Bucket, latents: LatentGeometry) -> int:
        """Clips of a batch: as many as fill the token budget of each device."""
        return self.devices_per_group * self.clips_per_device(bucket, latents)

    def clips_per_device(self, bucket: Bucket, latents: LatentGeometry) -> int:
        """Clips that one device holds at a time; a group of fewer devices takes several turns for a batch."""
        return max(1, round(self.tokens_per_device / latents.tokens(bucket)))

    def check_ranks(self, ranks: int) -> None:
        """Raise a ValueError unless a batch divides into equal shares for so many ranks."""
        if self.devices_per_group % ranks:
            raise ValueError(
                f"{ranks} devices with clips of their own cannot share a batch for {self.devices_per_group}; set "
                f"data.batching.devices_per_group to a multiple of {ranks}"
            )


def sampling_weights(buckets: Sequence[Bucket]) -> npt.NDArray[np.float64]:
    """The share of steps that each bucket gets (Table 6), summing to one over `buckets`.

    In the table every resolution gets a third: 10 % for 17 frames, the rest in equal parts for the longer ones. Our
    choice: a bucket that is not in the table weighs as much as the table's average.
    """
    weights = np.array([_TABLE_6_WEIGHTS.get(bucket, 1 / len(_TABLE_6_WEIGHTS)) for bucket in buckets])
    return weights / weights.sum()


def _table_6_weights() -> dict[Bucket, float]:
    weights = {}
    for bucket in TABLE_6_BUCKETS:
        longer = sum(other.height == bucket.height and other.frames > 17 for other in TABLE_6_BUCKETS)
        weights[bucket] = 0.1 if bucket.frames == 17 else (1 / 3 - 0.1) / longer
    return weights


_TABLE_6_WEIGHTS = _table_6_weights()


class Draw(NamedTuple):
    """One place in a batch: which clip of its bucket, and which visit to it.

    A visit's number belongs to no other visit to that clip, in whatever bucket, so that each shows other references and
    another window. In a single bucket of which an epoch shows every clip once, it is the epoch.
    """

    row: int
    visit: int


class BatchSchedule:
    """Says for every step its bucket and its clips.

    The bucket is a function of (seed, step); the order of a bucket's clips is one of (seed, bucket, epoch). A bucket
    with fewer clips than a batch goes through several epochs in one batch.

    Args:
        clips_per_bucket: buckets without clips are never drawn.
        config: the batch sizes.
        seed: of the run.
        multi_subject_clips: of each bucket, the rows that count towards `multi_subject_share`.
        latents: of the clips.

    Raises:
        ValueError: no bucket has a clip, one does not fit the latents, or a share is wanted that no bucket has.
    """

    def __init__(
        self,
        clips_per_bucket: Mapping[Bucket, int],
        config: BatchingConfig,
        *,
        seed: int,
        multi_subject_clips: Mapping[Bucket, Rows],
        latents: LatentGeometry,
    ) -> None:
        self._epochs = {
            bucket: Epoch.of(count, multi_subject_clips.get(bucket, ()), share=config.multi_subject_share)
            for bucket, count in sorted(clips_per_bucket.items())
            if count > 0
        }
        if not self._epochs:
            raise ValueError("no bucket has a clip to train on, expected at least one; curate videos first")
        self._buckets = tuple(self._epochs)
        self._weights = sampling_weights(self._buckets)
        self._config = config
        self._batch_sizes = {bucket: config.batch_size(bucket, latents) for bucket in self._buckets}
        self._seed = seed
        self._drawn = np.zeros(0, dtype=np.int64)
        self._order = lru_cache(maxsize=len(self._buckets))(self._draw_order)
        if config.multi_subject_share > 0:
            self._check_share(config.multi_subject_share)

    def bucket(self, step: int) -> Bucket:
        """The bucket of a step; the same on all ranks, so that no rank waits for a longer clip."""
        self._draw_until(step)
        return self._buckets[self._drawn[step]]

    def draws(self, step: int) -> list[Draw]:
        """The clips of a step, over all ranks together: rank r of n takes `draws[r::n]`."""
        bucket = self.bucket(step)
        earlier = int(np.count_nonzero(self._drawn[:step] == self._drawn[step]))
        size = self._batch_sizes[bucket]
        return [self._draw(bucket, earlier * size + place) for place in range(size)]

    def _draw(self, bucket: Bucket, position: int) -> Draw:
        shown = self._epochs[bucket]
        epoch, place = divmod(position, shown.draws)
        rows, visits = self._order(bucket, epoch)
        visit = epoch * shown.most_visits + int(visits[place])
        return Draw(int(rows[place]), visit * len(self._buckets) + self._buckets.index(bucket))

    def _draw_order(self, bucket: Bucket, epoch: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        return self._epochs[bucket].order(numpy_generator("rows", self._seed, str(bucket), epoch))

    def _draw_until(self, step: int) -> None:
        while len(self._drawn) <= step:
            generator = numpy_generator("buckets", self._seed, len(self._drawn) // _DRAWS_AT_ONCE)
            drawn = generator.choice(len(self._buckets), size=_DRAWS_AT_ONCE, p=self._weights)
            self._drawn = np.concatenate([self._drawn, drawn])

    def _check_share(self, wanted: float) -> None:
        if not any(len(epoch.favoured) for epoch in self._epochs.values()):
            raise ValueError(
                f"data.batching.multi_subject_share is {wanted}, but no clip has reference images of several subjects; "
                "set it to 0, or curate videos of several subjects"
            )
        for bucket, epoch in self._epochs.items():
            if epoch.share < wanted:
                _logger.warning(
                    "bucket %s: clips of several subjects are %.3f of all seen, not %g; each comes at most %d times in "
                    "an epoch",
                    bucket,
                    epoch.share,
                    wanted,
                    MOST_VISITS,
                )
