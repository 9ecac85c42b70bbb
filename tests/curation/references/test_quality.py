"""Quality scores against values computed by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.annotators.likeness.histogram import HistogramEncoder
from curation.masks import (
    area,
    border_contact,
    cut_out,
    fill,
    largest_fragment,
    mask_box,
    overlap,
    resize_mask,
    solidity,
)
from curation.references.quality import cosines, measure, sharpness
from tests.curation.moving_scenes import texture


def rectangle(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return mask


def test_area_is_a_share_of_the_frame() -> None:
    assert area(rectangle(10, 20, (0, 0, 5, 4))) == pytest.approx(20 / 200)


def test_largest_fragment_counts_corner_contact_as_connected() -> None:
    mask = rectangle(20, 20, (0, 0, 4, 4)) | rectangle(20, 20, (4, 4, 6, 6)) | rectangle(20, 20, (10, 10, 12, 13))

    assert largest_fragment(mask) == pytest.approx((16 + 4) / (16 + 4 + 6))


def test_border_contact_is_the_outline_on_the_border() -> None:
    # A 5 x 4 rectangle has an outline of 14 pixels; in the corner, its top row and left column lie on the border.
    assert border_contact(rectangle(30, 30, (0, 0, 5, 4))) == pytest.approx((5 + 4 - 1) / 14)
    assert border_contact(rectangle(30, 30, (10, 10, 15, 14))) == 0
    assert border_contact(np.ones((6, 6), bool)) == 1


def test_overlap_is_the_largest_covered_share() -> None:
    mask = rectangle(10, 10, (0, 0, 4, 5))

    assert overlap(mask, []) == 0
    assert overlap(mask, [rectangle(10, 10, (0, 0, 1, 5)), rectangle(10, 10, (2, 0, 9, 5))]) == pytest.approx(10 / 20)


def test_sharpness_of_vertical_stripes_is_what_the_kernel_gives() -> None:
    # Stripes two pixels wide of levels 0 and 40: the 4-neighbour Laplacian is +40 on dark and -40 on bright pixels.
    row = np.tile([0, 0, 40, 40], 64)
    image = np.repeat(np.tile(row, (256, 1))[..., None], 3, axis=-1).astype(np.uint8)
    mask = np.zeros((256, 256), bool)
    mask[:, :] = True

    assert sharpness(image, mask) == pytest.approx(40**2, rel=1e-3)


def test_sharpness_ignores_what_is_outside_the_mask() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    mask = rectangle(300, 300, (20, 20, 276, 276))
    image[mask] = 90

    assert sharpness(image, mask) == 0


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_a_blurred_entity_is_less_sharp(sigma: float) -> None:
    image = texture(256, 256, (120, 120, 120), seed=1)
    mask = np.ones((256, 256), bool)

    assert sharpness(cv2.GaussianBlur(image, (0, 0), sigma), mask) < sharpness(image, mask)


def test_a_single_pixel_has_a_sharpness() -> None:
    assert sharpness(np.full((20, 20, 3), 7, np.uint8), rectangle(20, 20, (3, 4, 4, 5))) == 0


def test_solidity_is_the_share_of_the_convex_hull() -> None:
    disk = np.hypot(*(np.mgrid[:60, :60] - 30)) < 20
    # An L of two bars, 10 wide and 30 long: the diagonal of its hull cuts a triangle of 20 x 20 pixels.
    corner = rectangle(60, 60, (5, 5, 15, 35)) | rectangle(60, 60, (5, 25, 35, 35))

    assert solidity(disk) == pytest.approx(1, abs=0.02)
    assert solidity(rectangle(60, 60, (5, 9, 31, 40))) == 1
    assert solidity(corner) == pytest.approx(500 / (500 + 20 * 20 / 2), abs=0.02)
    assert solidity(disk & ~rectangle(60, 60, (20, 20, 40, 40))) == pytest.approx(1 - 400 / disk.sum(), abs=0.02)


def test_fill_is_the_share_of_the_box() -> None:
    assert fill(rectangle(60, 60, (5, 9, 31, 40))) == 1
    assert fill(np.hypot(*(np.mgrid[:200, :200] - 100)) < 80) == pytest.approx(np.pi / 4, abs=0.01)
    assert fill(np.eye(50, dtype=bool)) == pytest.approx(1 / 50)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_the_smallest_masks_have_every_score(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 7, np.uint8)

    everything = measure(image, np.ones(shape, bool), [])

    assert (everything.solidity, everything.fill, everything.area, everything.border_contact) == (1, 1, 1, 1)
    assert everything.sharpness == 0


def test_a_thin_mask_in_a_large_frame_has_every_score() -> None:
    line = np.zeros((1500, 2000), bool)
    line[np.arange(1, 1400), np.arange(3, 1402)] = True
    image = np.zeros((1500, 2000, 3), np.uint8)

    scores = measure(image, line, [])

    assert np.isfinite(scores).all()
    assert scores.largest_fragment == 1
    assert scores.fill < 0.001


def test_a_mask_is_never_resized_to_nothing() -> None:
    mask = np.zeros((1000, 1000), bool)
    mask[501, 3] = True

    small = resize_mask(mask, (100, 100))

    assert np.argwhere(small).tolist() == [[50, 0]]
    assert np.array_equal(resize_mask(rectangle(20, 20, (4, 6, 12, 14)), (10, 10)), rectangle(10, 10, (2, 3, 6, 7)))


def test_only_pictures_of_a_kind_are_compared() -> None:
    vectors = list(np.array([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]]))

    assert cosines(vectors, [False, False, True]) == [
        [1.0, pytest.approx(0.6), None],
        [pytest.approx(0.6), pytest.approx(1.0), None],
        [None, None, 1.0],
    ]
    assert cosines([], []) == []


def test_histograms_of_the_smallest_and_thinnest_cutouts_are_numbers() -> None:
    thin = np.zeros((1000, 900, 4), np.uint8)
    thin[3, 5] = thin[701, 444] = 255
    cutouts = [np.full((1, 1, 4), 255, np.uint8), np.full((300, 1, 4), 255, np.uint8), thin]

    vectors = HistogramEncoder().encode(cutouts)

    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_histograms_tell_colors_apart_and_forgive_shifts() -> None:
    mask = np.ones((80, 80), bool)
    red, red_elsewhere, blue = (
        cut_out(texture(80, 80, color, seed=seed), mask, mask_box(mask))
        for color, seed in (((180, 60, 50), 1), ((180, 60, 50), 2), ((50, 60, 180), 1))
    )

    vectors = HistogramEncoder().encode([red, red_elsewhere, blue])

    cosines = vectors @ vectors.T
    assert np.diag(cosines) == pytest.approx(1)
    assert cosines[0, 1] > 0.8
    assert cosines[0, 2] < 0.35


def test_histograms_do_not_see_what_the_alpha_hides() -> None:
    mask = rectangle(80, 80, (10, 10, 70, 70))
    image = texture(80, 80, (180, 60, 50), seed=1)
    cutout = cut_out(image, mask, (0, 0, 80, 80))
    repainted = cutout.copy()
    repainted[cutout[..., 3] == 0, :3] = 200

    vectors = HistogramEncoder().encode([cutout, repainted])

    # The pixels next to the outline mix with what is outside when the crop is scaled.
    assert vectors[0] @ vectors[1] > 0.97


def test_a_cutout_keeps_the_colors_inside_and_nothing_outside() -> None:
    image = texture(40, 60, (120, 90, 60), seed=5)
    mask = rectangle(40, 60, (10, 5, 30, 25)) & ~rectangle(40, 60, (12, 7, 15, 9))

    cutout = cut_out(image, mask, mask_box(mask))

    inside = mask[5:25, 10:30]
    assert cutout.shape == (20, 20, 4)
    assert np.array_equal(cutout[inside][:, :3], image[mask])
    assert set(np.unique(cutout[inside][:, 3])) == {255}
    assert not cutout[~inside].any()


def test_an_empty_mask_has_no_box() -> None:
    with pytest.raises(ValueError, match="mask is empty"):
        mask_box(np.zeros((4, 4), bool))


@given(x0=st.integers(0, 30), y0=st.integers(0, 30), width=st.integers(1, 30), height=st.integers(1, 30))
def test_the_box_of_a_rectangle_is_the_rectangle(x0: int, y0: int, width: int, height: int) -> None:
    box = (x0, y0, x0 + width, y0 + height)

    assert mask_box(rectangle(60, 60, box)) == box
