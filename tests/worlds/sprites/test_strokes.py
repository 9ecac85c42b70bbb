import numpy as np
import numpy.typing as npt
import pytest

from worlds.sprites.strokes import disc, fill, line, trace

SQUARE = np.array([[4.0, 4.0], [12.0, 4.0], [12.0, 12.0], [4.0, 12.0]])


def blank() -> npt.NDArray[np.uint8]:
    return np.zeros((24, 24), np.uint8)


def test_strokes_lie_between_pixels() -> None:
    whole, shifted = blank(), blank()

    fill(whole, SQUARE, 240)
    fill(shifted, SQUARE + np.array([0.5, 0.0]), 240)

    centers = [(np.arange(24) * canvas.sum(axis=0)).sum() / canvas.sum() for canvas in (whole, shifted)]
    assert centers[1] - centers[0] == pytest.approx(0.5, abs=0.1)


def test_an_outline_is_not_filled() -> None:
    canvas = blank()

    trace(canvas, SQUARE, 240, thickness=1)

    assert canvas[8, 4] > 200
    assert canvas[8, 8] == 0


def test_lines_and_discs_have_their_color() -> None:
    picture = np.zeros((24, 24, 3), np.uint8)

    line(picture, (0.0, 3.0), (23.0, 3.0), (100, 150, 200), 1)
    disc(picture, (12.0, 14.0), 5.0, np.array([40.0, 50.0, 60.0]))

    assert picture[3, 12].tolist() == pytest.approx([100, 150, 200], rel=0.1)  # its edge lies within the pixel
    assert picture[14, 12].tolist() == [40, 50, 60]
    assert (picture[14] > 20).any(axis=-1).sum() == pytest.approx(2 * 5, abs=1)
