from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.batching import BatchingConfig, BatchSchedule, latent_tokens, sampling_weights

# Table 6 as printed: frames, height -> batch size and sampling weight in per cent.
TABLE_6 = {
    (17, 144): (1216, 10.0),
    (49, 144): (464, 3.3),
    (73, 144): (320, 3.3),
    (97, 144): (240, 3.3),
    (121, 144): (192, 3.3),
    (145, 144): (160, 3.3),
    (193, 144): (128, 3.3),
    (289, 144): (80, 3.3),
    (17, 288): (304, 10.0),
    (49, 288): (112, 5.8),
    (73, 288): (80, 5.8),
    (97, 288): (64, 5.8),
    (121, 288): (48, 5.8),
    (17, 576): (80, 10.0),
    (49, 576): (32, 5.8),
    (73, 576): (16, 5.8),
    (97, 576): (16, 5.8),
    (121, 576): (16, 5.8),
}
SMALL, LONG, UNUSED = Bucket(5, 32, 48), Bucket(9, 32, 48), Bucket(13, 32, 48)


def schedule(clips: dict[Bucket, int], *, tokens: int = 60, seed: int = 0) -> BatchSchedule:
    return BatchSchedule(clips, BatchingConfig(tokens_per_device=tokens, devices_per_group=1), seed=seed)


def test_the_rule_reproduces_all_18_batch_sizes_and_weights_of_table_6() -> None:
    config, weights = BatchingConfig(), sampling_weights(TABLE_6_BUCKETS)

    assert len(TABLE_6_BUCKETS) == len(TABLE_6) == 18
    for bucket, weight in zip(TABLE_6_BUCKETS, weights, strict=True):
        batch_size, per_cent = TABLE_6[bucket.frames, bucket.height]
        assert config.batch_size(bucket) == batch_size
        assert weight * 100 == pytest.approx(per_cent, abs=0.05)


def test_a_clip_of_17_frames_at_256x144_is_720_tokens() -> None:
    assert latent_tokens(Bucket(17, 144, 256)) == 720


def test_a_batch_is_never_empty_however_small_the_budget() -> None:
    assert BatchingConfig(tokens_per_device=1, devices_per_group=1).batch_size(Bucket(121, 576, 1024)) == 1


def test_buckets_are_drawn_with_the_weights_of_table_6() -> None:
    steps = 100_000
    drawn = schedule(dict.fromkeys(TABLE_6_BUCKETS, 1))

    counts = Counter(drawn.bucket(step) for step in range(steps))

    printed = np.array([TABLE_6[bucket.frames, bucket.height][1] for bucket in TABLE_6_BUCKETS])
    expected = printed / printed.sum() * steps
    assert chisquare([counts[bucket] for bucket in TABLE_6_BUCKETS], expected).pvalue > 1e-3


def test_only_buckets_that_have_clips_are_drawn() -> None:
    drawn = schedule({SMALL: 3, LONG: 2, UNUSED: 0})

    assert {drawn.bucket(step) for step in range(100)} == {SMALL, LONG}


def test_every_clip_of_a_bucket_comes_once_in_an_epoch_in_an_order_of_its_own() -> None:
    clips = 7
    drawn = schedule({SMALL: clips}, tokens=24)

    draws = [draw for step in range(21) for draw in drawn.draws(step)]

    epochs = [[draw.row for draw in draws if draw.epoch == epoch] for epoch in range(draws[-1].epoch)]
    assert len(epochs) >= 5
    assert all(sorted(rows) == list(range(clips)) for rows in epochs)
    assert all(first != second for first, second in pairwise(epochs))


def test_the_steps_of_one_bucket_do_not_use_up_the_clips_of_another() -> None:
    drawn = schedule({SMALL: 50, LONG: 50})
    steps = [step for step in range(40) if drawn.bucket(step) == LONG]

    rows = [draw.row for step in steps for draw in drawn.draws(step)][:50]

    assert sorted(rows) == list(range(50))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), step=st.integers(0, 6000))
def test_from_any_step_on_the_batches_are_those_of_a_run_that_began_at_the_first(seed: int, step: int) -> None:
    clips = {SMALL: 11, LONG: 5}
    walked, resumed = schedule(clips, seed=seed), schedule(clips, seed=seed)

    for earlier in range(step):
        walked.bucket(earlier)

    tail = range(step, step + 5)
    assert [walked.draws(later) for later in tail] == [resumed.draws(later) for later in tail]


def test_another_seed_gives_other_batches() -> None:
    clips = {SMALL: 100}

    assert schedule(clips, seed=0).draws(0) != schedule(clips, seed=1).draws(0)


def test_a_dataset_without_clips_is_an_error() -> None:
    with pytest.raises(ValueError, match="no bucket has a clip to train on"):
        schedule({SMALL: 0})
