import numpy as np
import pytest

from worlds.chances import between, chance, choose, log_between


def test_a_chance_comes_as_often_as_said() -> None:
    rng = np.random.default_rng(0)

    assert np.mean([chance(rng, 0.2) for _ in range(2000)]) == pytest.approx(0.2, abs=0.03)


def test_numbers_lie_between_their_bounds_and_small_ones_are_as_likely_as_large_ones_where_logarithms_are_drawn() -> (
    None
):
    rng = np.random.default_rng(0)

    even, by_size = (np.array([draw(rng, 0.01, 100) for _ in range(2000)]) for draw in (between, log_between))

    assert min(even.min(), by_size.min()) >= 0.01
    assert max(even.max(), by_size.max()) <= 100
    assert (even < 1).mean() == pytest.approx(0.01, abs=0.02)
    assert (by_size < 1).mean() == pytest.approx(0.5, abs=0.05)


def test_every_choice_is_made() -> None:
    rng = np.random.default_rng(0)

    counts = np.unique([choose(rng, "abc") for _ in range(600)], return_counts=True)[1]

    assert counts == pytest.approx([200] * 3, abs=50)
