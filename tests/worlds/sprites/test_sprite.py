import numpy as np
import pytest

from worlds.sprites import SHAPES, draw_sprite


@pytest.mark.parametrize("word", SHAPES)
def test_no_sprite_reaches_the_edge_of_its_canvas(word: str) -> None:
    cloth = np.full((96, 96, 3), 200, np.uint8)

    for phase in np.arange(12) / 12:
        alpha = draw_sprite(SHAPES[word], cloth, phase=float(phase))[..., 3]
        border = np.concatenate([alpha[[0, -1]].ravel(), alpha[:, [0, -1]].ravel()])
        assert alpha.any()
        assert not border.any()


@pytest.mark.parametrize("word", SHAPES)
def test_a_shape_covers_the_area_that_it_says(word: str) -> None:
    side = 260
    alpha = draw_sprite(SHAPES[word], np.zeros((side, side, 3), np.uint8), phase=0.0)[..., 3]

    covered = (alpha > 127).sum() * (2 * 1.3 / side) ** 2

    assert SHAPES[word].area() == pytest.approx(covered, rel=0.25)
