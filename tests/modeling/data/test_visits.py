import numpy as np
import numpy.typing as npt
import pytest

from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.data.schedule import BatchingConfig, BatchSchedule
from modeling.data.visits import expected_visits
from modeling.encoders.geometry import LatentGeometry


def drawn_distribution(clips: int) -> dict[Bucket, npt.NDArray[np.int64]]:
    """Of each bucket of Table 6 the clips that fill it: 88 % of them 720p, mean 8.5 s, as in Panda-70M."""
    rng = np.random.default_rng(0)
    height = rng.choice([720, 480, 360, 240], clips, p=[0.88, 0.07, 0.04, 0.01])
    duration_s = 2 + rng.exponential(6.5, clips)
    return {
        bucket: np.flatnonzero(
            (duration_s * 24 >= bucket.frames) & (height >= bucket.height) & (height * 16 / 9 >= bucket.width)
        )
        for bucket in sorted(TABLE_6_BUCKETS)
    }


def _larger(numbers: dict[Bucket, npt.NDArray[np.int64]], bucket: Bucket) -> npt.NDArray[np.int64]:
    """The clips that fill a bucket of more pixels, or of as many and more frames."""
    size = (bucket.height * bucket.width, bucket.frames)
    larger = [own for other, own in numbers.items() if (other.height * other.width, other.frames) > size]
    return np.concatenate([np.zeros(0, np.int64), *larger])


def test_no_clip_of_a_drawn_distribution_is_seen_three_times_as_often_as_the_mean() -> None:
    numbers = drawn_distribution(200_000)

    visits = expected_visits(numbers, BatchingConfig(), steps=60_000, latents=LatentGeometry())

    assert visits.imbalance < 3
    assert visits.per_clip.min() > visits.per_clip.mean() / 3
    alone = {bucket: own[~np.isin(own, _larger(numbers, bucket))] for bucket, own in numbers.items()}
    in_largest_only = {bucket: own for bucket, own in alone.items() if len(own)}
    assert (
        expected_visits(in_largest_only, BatchingConfig(), steps=60_000, latents=LatentGeometry()).imbalance > 100
    )  # were each in one alone


def test_the_expected_visits_are_those_that_the_schedule_draws() -> None:
    numbers = {Bucket(5, 32, 48): np.arange(9), Bucket(9, 32, 48): np.array([2, 5, 8])}
    config, steps = BatchingConfig(tokens_per_device=60, devices_per_group=1), 3000
    schedule = BatchSchedule(
        {bucket: len(own) for bucket, own in numbers.items()},
        config,
        seed=0,
        multi_subject_clips={},
        latents=LatentGeometry(),
    )

    seen = np.zeros(9)
    for step in range(steps):
        for draw in schedule.draws(step):
            seen[numbers[schedule.bucket(step)][draw.row]] += 1

    expected = expected_visits(numbers, config, steps=steps, latents=LatentGeometry())
    assert seen == pytest.approx(expected.per_clip, rel=0.05)
    assert sum(each.clips * each.epochs for each in expected.buckets.values()) == pytest.approx(seen.sum(), rel=0.05)


def test_a_visit_has_one_number_whatever_the_bucket() -> None:
    numbers = {Bucket(5, 32, 48): np.arange(4), Bucket(9, 32, 48): np.array([1, 3])}
    config = BatchingConfig(tokens_per_device=60, devices_per_group=1)
    schedule = BatchSchedule(
        {bucket: len(own) for bucket, own in numbers.items()},
        config,
        seed=0,
        multi_subject_clips={},
        latents=LatentGeometry(),
    )

    visits = [
        (int(numbers[schedule.bucket(step)][draw.row]), draw.visit)
        for step in range(200)
        for draw in schedule.draws(step)
    ]

    assert len(set(visits)) == len(visits)
