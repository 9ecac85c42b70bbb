"""How often a run shows the clips of a dataset: whether Table 6's weights and batch sizes suit what it holds."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataset_schema import Bucket
from modeling.data.schedule import BatchingConfig, sampling_weights
from modeling.encoders import LatentGeometry


class BucketVisits(NamedTuple):
    """What a run is expected to draw from a bucket.

    Attributes:
        clips: that fill it.
        epochs: how often it shows each of them.
    """

    clips: int
    epochs: float


class Visits(NamedTuple):
    """What a run is expected to show.

    Attributes:
        buckets: those that have clips.
        per_clip: over all buckets, by the clips' numbers.
    """

    buckets: Mapping[Bucket, BucketVisits]
    per_clip: npt.NDArray[np.float64]

    @property
    def imbalance(self) -> float:
        """How often the clip that is seen most is seen, as a multiple of the mean."""
        return float(self.per_clip.max() / self.per_clip.mean())


def expected_visits(
    numbers: Mapping[Bucket, npt.NDArray[np.integer]],
    batching: BatchingConfig,
    *,
    steps: int,
    latents: LatentGeometry,
) -> Visits:
    """The visits of a run of so many steps, without those that `multi_subject_share` adds.

    Args:
        numbers: of each bucket, the numbers of its clips among all; no clip is in none.
        batching: the batch sizes.
        steps: of the run.
        latents: that its clips become.
    """
    buckets = {}
    per_clip = np.zeros(1 + max(int(own.max()) for own in numbers.values()))
    for (bucket, own), weight in zip(numbers.items(), sampling_weights(tuple(numbers)), strict=True):
        epochs = steps * weight * batching.batch_size(bucket, latents) / len(own)
        buckets[bucket] = BucketVisits(len(own), float(epochs))
        per_clip[own] += epochs
    return Visits(buckets, per_clip)
