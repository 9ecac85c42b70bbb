import cv2
import numpy as np
import pytest

from worlds.arrays import Field
from worlds.fields import fractal, fractal_to_the_pixel, mix, ramp, turned_axes


def detail(field: Field) -> float:
    """How much of the contrast is finer than eight pixels."""
    return float((field - cv2.blur(field, (8, 8))).std() / field.std())


@pytest.mark.parametrize("size", [(40, 90), (90, 40)])
def test_noise_fills_its_range(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)

    fields = [fractal(rng, *size, cell=(20, 20)), fractal_to_the_pixel(rng, *size)]

    assert [field.shape for field in fields] == [size, size]
    assert [(field.min(), field.max()) for field in fields] == [(0, 1), (0, 1)]


def test_noise_is_as_fine_as_asked_for() -> None:
    coarse, fine = (fractal(np.random.default_rng(1), 96, 96, cell=(cell, cell), octaves=1) for cell in (48, 4))
    soft, rough = (fractal_to_the_pixel(np.random.default_rng(1), 96, 96, gain=gain) for gain in (0.3, 0.9))

    assert 10 * detail(coarse) < detail(fine)
    assert detail(soft) < 0.5 * detail(rough)


def test_grains_may_be_longer_than_they_are_high() -> None:
    field = fractal(np.random.default_rng(2), 96, 96, cell=(4, 48), octaves=1)

    assert np.abs(np.diff(field, axis=0)).mean() > 5 * np.abs(np.diff(field, axis=1)).mean()


def test_a_ramp_leads_from_one_color_to_another() -> None:
    weight = ramp(np.array([[0.1, 0.2, 0.4, 0.6, 0.7]], np.float32), 0.2, 0.6)

    mixed = mix((0, 0, 0), (200, 100, 0), weight)

    np.testing.assert_allclose(weight[0], [0, 0, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(mixed[0, 2], [100, 50, 0], atol=1e-4)


def test_turned_axes_count_units_along_and_across() -> None:
    along, across = turned_axes(30, 50, unit=10, angle=np.pi / 2)

    assert (along[20, 40], across[20, 40]) == pytest.approx((2, -4), abs=1e-6)
