"""The law of a rectangle's side: it is straight along its length, and at the same pixel at all times."""

from typing import Final

import cv2
import numpy as np
import pytest

from curation.annotators.insets.exact_edges import exactness
from curation.annotators.insets.finder import BorderedInsetsConfig
from curation.records import Image
from curation.video.sampling import CONTENT_SIDE

SIDE: Final = 2 * CONTENT_SIDE
BOX: Final = (100, 60, 160, 120)  # in pixels of the content frames
LIMIT: Final = BorderedInsetsConfig().min_exactness


def exactness_of(images: list[Image]) -> float:
    return exactness(images, BOX)


def plain() -> Image:
    """A little noise, which no camera is without."""
    return np.random.default_rng(1).integers(118, 123, (SIDE, SIDE, 3), np.uint8)


def with_square(shift_px: int = 0) -> Image:
    picture = plain()
    cv2.rectangle(picture, (200 + shift_px, 120, 120, 120), (255, 255, 255), -1)
    return picture


def with_ring() -> Image:
    picture = plain()
    cv2.circle(picture, (260, 180), 60, (255, 255, 255), 2)
    return picture


def test_a_square_stands_out_along_all_of_its_sides() -> None:
    assert exactness_of([with_square()] * 3) > LIMIT


def test_a_ring_touches_the_sides_of_its_box_but_has_none() -> None:
    assert exactness_of([with_ring()] * 3) < LIMIT


@pytest.mark.parametrize("shift_px", [4, 8])
def test_a_square_that_has_moved_by_the_last_picture_does_not_stand_out(shift_px: int) -> None:
    assert exactness_of([with_square(), with_square(), with_square(shift_px)]) < LIMIT
