import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.data.schedule import BatchingConfig, BatchSchedule, Draw, sampling_weights
from modeling.encoders.geometry import LatentGeometry

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


def schedule(
    clips: dict[Bucket, int],
    *,
    tokens: int = 60,
    seed: int = 0,
    share: float = 0.0,
    several: Mapping[Bucket, Sequence[int]] = MappingProxyType({}),
) -> BatchSchedule:
    config = BatchingConfig(tokens_per_device=tokens, devices_per_group=1, multi_subject_share=share)
    return BatchSchedule(clips, config, seed=seed, multi_subject_clips=several, latents=LatentGeometry())


def balanced_epochs(clips: int, several: Sequence[int], *, share: float, draws: int, epochs: int) -> list[list[Draw]]:
    """What the first epochs of a bucket show, if an epoch has so many draws; its batches hold one clip each."""
    drawn = schedule({SMALL: clips}, tokens=12, share=share, several={SMALL: several})
    shown = [draw for step in range(draws * epochs) for draw in drawn.draws(step)]
    return [shown[start : start + draws] for start in range(0, len(shown), draws)]


def test_the_rule_reproduces_all_18_batch_sizes_and_weights_of_table_6() -> None:
    config, weights = BatchingConfig(), sampling_weights(TABLE_6_BUCKETS)

    assert len(TABLE_6_BUCKETS) == len(TABLE_6) == 18
    for bucket, weight in zip(TABLE_6_BUCKETS, weights, strict=True):
        batch_size, per_cent = TABLE_6[bucket.frames, bucket.height]
        assert config.batch_size(bucket, LatentGeometry()) == batch_size
        assert weight * 100 == pytest.approx(per_cent, abs=0.05)


def test_a_clip_of_17_frames_at_256x144_is_720_tokens() -> None:
    assert LatentGeometry().tokens(Bucket(17, 144, 256)) == 720


def test_a_batch_is_never_empty_however_small_the_budget() -> None:
    assert (
        BatchingConfig(tokens_per_device=1, devices_per_group=1).batch_size(Bucket(121, 576, 1024), LatentGeometry())
        == 1
    )


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

    epochs = [[draw.row for draw in draws if draw.visit == epoch] for epoch in range(draws[-1].visit)]
    assert len(epochs) >= 5
    assert all(sorted(rows) == list(range(clips)) for rows in epochs)
    assert all(first != second for first, second in pairwise(epochs))


def test_the_steps_of_one_bucket_do_not_use_up_the_clips_of_another() -> None:
    drawn = schedule({SMALL: 50, LONG: 50})
    steps = [step for step in range(40) if drawn.bucket(step) == LONG]

    rows = [draw.row for step in steps for draw in drawn.draws(step)][:50]

    assert sorted(rows) == list(range(50))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), step=st.integers(0, 6000), share=st.sampled_from([0.0, 0.6]))
def test_from_any_step_on_the_batches_are_those_of_a_run_that_began_at_the_first(
    seed: int, step: int, share: float
) -> None:
    clips, several = {SMALL: 11, LONG: 5}, {SMALL: [3, 4], LONG: [0]}
    walked, resumed = (schedule(clips, seed=seed, share=share, several=several) for _ in range(2))

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


def test_the_clips_of_a_seed_stay_the_same_from_version_to_version() -> None:
    drawn = schedule({SMALL: 7}, tokens=84)

    assert [[draw.row for draw in drawn.draws(step)] for step in (0, 1)] == [
        [5, 1, 4, 6, 2, 0, 3],
        [6, 5, 1, 4, 2, 3, 0],
    ]


def test_clips_of_several_subjects_get_their_share_and_every_other_clip_comes_once() -> None:
    # By hand: 3 of 10 clips have several subjects; with 4 draws more they have 7 of 14, half.
    several = (1, 4, 7)

    epochs = balanced_epochs(10, several, share=0.5, draws=14, epochs=300)

    again: Counter[int] = Counter()
    for epoch in epochs:
        counts = Counter(draw.row for draw in epoch)
        assert sorted(counts) == list(range(10))
        assert {counts[row] for row in counts if row not in several} == {1}
        assert sorted(counts[row] for row in several) == [2, 2, 3]
        again.update(row for row in several if counts[row] == 3)
    assert chisquare([again[row] for row in several]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("clips", "several", "share", "draws", "most"),
    [
        (10, 3, 0.5, 14, 3),  # (3 + 4) / 14 = 0.5
        (10, 1, 0.1, 10, 1),  # 1 / 10 = 0.1 without a draw more
        (10, 1, 0.2, 12, 3),  # (1 + 2) / 12 = 0.25; 2 / 11 would be too few
        (10, 2, 0.9, 16, 4),  # at most four times each: 8 / 16 = 0.5
        (4, 4, 0.5, 4, 1),  # nothing to balance against
        (5, 0, 0.5, 5, 1),  # nothing to show more often
    ],
)
def test_an_epoch_is_as_long_as_the_share_needs_but_no_clip_comes_more_than_four_times(
    clips: int, several: int, share: float, draws: int, most: int
) -> None:
    drawn = schedule({SMALL: clips, LONG: 1}, share=share, several={SMALL: range(several), LONG: [0]})
    steps = [step for step in range(60) if drawn.bucket(step) == SMALL]

    shown = [draw for step in steps for draw in drawn.draws(step)][: 3 * draws]

    for start in range(0, 3 * draws, draws):
        counts = Counter(draw.row for draw in shown[start : start + draws])
        assert set(counts) == set(range(clips))
        assert max(counts.values()) == most
        assert {counts[row] for row in range(several, clips)} <= {1}


def test_no_two_visits_to_a_clip_have_the_same_number() -> None:
    epochs = balanced_epochs(10, (1, 4, 7), share=0.5, draws=14, epochs=20)

    draws = [draw for epoch in epochs for draw in epoch]

    assert len(set(draws)) == len(draws)
    assert {draw.visit // 3 for draw in epochs[5]} == {5}


def test_later_visits_are_spread_over_the_epoch_and_lie_elsewhere_in_the_next() -> None:
    epochs = balanced_epochs(10, (1, 4, 7), share=0.5, draws=14, epochs=200)

    places = [[place for place, draw in enumerate(epoch) if draw.row in (1, 4, 7)] for epoch in epochs]

    counts = Counter(place for found in places for place in found)
    assert chisquare([counts[place] for place in range(14)]).pvalue > 1e-3
    assert all(first != second for first, second in pairwise(places))


def test_where_several_subjects_are_no_minority_nothing_changes() -> None:
    plain, balanced = schedule({SMALL: 10}), schedule({SMALL: 10}, share=0.5, several={SMALL: range(5)})

    assert [balanced.draws(step) for step in range(9)] == [plain.draws(step) for step in range(9)]


def test_a_share_that_four_visits_cannot_give_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        schedule({SMALL: 10, LONG: 2}, share=0.9, several={SMALL: [0, 1], LONG: [0, 1]})

    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("bucket 5x32x48: clips of several subjects are 0.500 of all seen, not 0.9; ")


def test_a_share_of_clips_that_the_dataset_lacks_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"multi_subject_share is 0.5, but no clip has .* several subjects; set it to 0"
    ):
        schedule({SMALL: 3, LONG: 2}, share=0.5, several={SMALL: [], LONG: []})


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_an_error(share: float) -> None:
    with pytest.raises(ValueError, match=r"multi_subject_share .*, expected (at least 0 and below 1|a number)"):
        BatchingConfig(multi_subject_share=share)
