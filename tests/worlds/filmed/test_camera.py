import numpy as np
import pytest

from worlds.filmed.camera import glide, hand_held, wander

TIMES_S = np.linspace(0, 6, 16)


@pytest.mark.parametrize("amplitude", [0.001, 0.02, 0.3])
def test_wandering_stays_within_its_amplitude(amplitude: float) -> None:
    paths = [wander(np.random.default_rng(seed), TIMES_S, amplitude) for seed in range(50)]

    assert 0.3 * amplitude < np.abs(paths).max() <= amplitude


def test_a_hand_shakes_and_a_glide_arrives() -> None:
    rng = np.random.default_rng(0)

    shaken = hand_held(rng, TIMES_S, 0.01)
    moved = glide(rng, TIMES_S, distance=0.3, magnification=1.4)

    assert 0 < np.abs(shaken.x).max() <= 0.01
    assert np.hypot(moved.x[-1] - moved.x[0], moved.y[-1] - moved.y[0]) == pytest.approx(0.3)
    assert moved.zoom[-1] / moved.zoom[0] == pytest.approx(1.4)
    assert (np.diff(moved.zoom) >= 0).all()
