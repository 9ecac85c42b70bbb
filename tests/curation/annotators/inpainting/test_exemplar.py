"""Inpainting against backgrounds that are known."""

import numpy as np
import pytest

from curation.annotators.inpainting.exemplar import ExemplarConfig, ExemplarInpainter
from curation.annotators.protocols import Hole
from curation.records import Image, Mask
from tests.curation.moving_scenes import texture


def hole_in(height: int, width: int) -> Mask:
    rows, columns = np.mgrid[:height, :width]
    hole: Mask = ((columns - 0.45 * width) / (0.15 * width)) ** 2 + ((rows - 0.5 * height) / (0.25 * height)) ** 2 < 1
    return hole


def paint(image: Image, mask: Mask) -> Image:
    (painted,) = ExemplarInpainter(ExemplarConfig()).inpaint([Hole(image, mask)])
    return painted


def psnr(one: Image, other: Image, where: Mask) -> float:
    error = np.mean((one[where].astype(float) - other[where]) ** 2)
    return float(10 * np.log10(255**2 / error))


def test_pixels_outside_the_mask_stay_bit_for_bit() -> None:
    image, hole = texture(180, 320, (120, 130, 90), seed=1), hole_in(180, 320)

    painted = paint(image, hole)

    assert np.array_equal(painted[~hole], image[~hole])
    assert not np.array_equal(painted[hole], image[hole])


def test_what_was_in_the_hole_leaves_no_trace() -> None:
    image, hole = texture(180, 320, (120, 130, 90), seed=1), hole_in(180, 320)
    repainted = image.copy()
    repainted[hole] = (255, 0, 255)

    painted, painted_over = (paint(i, hole) for i in (image, repainted))

    # Whole patches are taken from outside the hole, but at the coarse sizes a pixel of its rim mixes both.
    assert np.abs(painted.astype(int) - painted_over)[hole].mean() < 12
    assert not (painted_over[hole] == (255, 0, 255)).all(axis=-1).any()


def test_a_texture_is_continued_close_to_the_truth() -> None:
    image, hole = texture(180, 320, (120, 130, 90), seed=1), hole_in(180, 320)

    painted = paint(image, hole)

    assert psnr(painted, image, hole) > 16


def test_stripes_are_continued_across_the_hole() -> None:
    stripes = np.repeat(np.tile(np.repeat([60, 180], 10), 9)[:, None], 320, axis=1)
    image = np.repeat(stripes[..., None], 3, axis=-1).astype(np.uint8)
    hole = hole_in(*image.shape[:2])

    painted = paint(image, hole)

    right = np.abs(painted.astype(int) - image)[hole].max(axis=-1) < 40
    assert right.mean() > 0.7


def test_an_empty_mask_changes_nothing() -> None:
    image = texture(60, 90, (120, 130, 90), seed=1)

    assert np.array_equal(paint(image, np.zeros((60, 90), bool)), image)


@pytest.mark.parametrize(
    ("mask", "message"),
    [(np.ones((60, 90), bool), "whole picture"), (np.zeros((60, 91), bool), "same height and width")],
)
def test_an_impossible_mask_is_refused(mask: Mask, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paint(texture(60, 90, (120, 130, 90), seed=1), mask)


def test_a_hole_that_leaves_no_whole_patch_is_still_filled() -> None:
    image = texture(60, 90, (120, 130, 90), seed=1)
    mask = np.ones((60, 90), bool)
    mask[:, :4] = False

    painted = paint(image, mask)

    assert np.array_equal(painted[~mask], image[~mask])
