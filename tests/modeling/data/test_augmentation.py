import cv2
import numpy as np
import pytest
from PIL import Image

from modeling.data.augmentation import Augmentation, augment, draw_augmentation

NOTHING = Augmentation(
    downscale=1.0,
    blur_kernel_px=1,
    color_offset=(0.0, 0.0, 0.0),
    brightness=1.0,
    is_flipped=False,
    shear_x=0.0,
    shear_y=0.0,
    rotation_deg=0.0,
    crop=1.0,
    crop_x=0.0,
    crop_y=0.0,
)


def many(width: int, height: int) -> list[Augmentation]:
    generator = np.random.default_rng(0)
    return [draw_augmentation(width, height, generator) for _ in range(1500)]


def picture(size: int = 40) -> Image.Image:
    """A colored disc off the centre on transparent black."""
    y, x = np.mgrid[:size, :size]
    inside = np.hypot(y - size * 0.4, x - size * 0.6) < size * 0.25
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[inside] = (200, 120, 40, 255)
    return Image.fromarray(pixels)


def with_values(**values: float | bool | tuple[float, float, float]) -> Augmentation:
    return Augmentation(**{**{name: getattr(NOTHING, name) for name in Augmentation.__slots__}, **values})


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("downscale", 112 / 400, 1.0),
        ("brightness", 0.9, 1.1),
        ("shear_x", -0.05, 0.05),
        ("shear_y", -0.05, 0.05),
        ("rotation_deg", -20, 20),
        ("crop", 0.67, 1.0),
    ],
)
def test_values_fill_the_ranges_of_table_4(name: str, low: float, high: float) -> None:
    values = np.array([getattr(drawn, name) for drawn in many(300, 400)])

    span = high - low
    assert low <= values.min() < low + 0.02 * span
    assert high - 0.02 * span < values.max() <= high
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.04 * span)


def test_blur_kernel_and_color_offsets_stay_in_the_ranges_of_table_4_and_half_are_flipped() -> None:
    drawn = many(300, 400)

    kernels = [each.blur_kernel_px for each in drawn]
    offsets = np.array([each.color_offset for each in drawn])
    assert set(kernels) == {1, 3, 5, 7}  # the odd ones up to 400 / 50
    assert -0.05 <= offsets.min() < -0.048
    assert 0.048 < offsets.max() <= 0.05
    assert np.mean([each.is_flipped for each in drawn]) == pytest.approx(0.5, abs=0.05)


def test_an_image_smaller_than_the_ranges_allow_is_neither_enlarged_nor_blurred() -> None:
    drawn = many(40, 30)

    assert {each.downscale for each in drawn} == {1.0}
    assert {each.blur_kernel_px for each in drawn} == {1}


def test_nothing_drawn_changes_nothing() -> None:
    assert np.array_equal(np.asarray(augment(picture(), NOTHING)), np.asarray(picture()))


def test_flipping_moves_color_and_alpha_together() -> None:
    flipped = np.asarray(augment(picture(), with_values(is_flipped=True)))

    assert np.array_equal(flipped, np.asarray(picture())[:, ::-1])


def test_a_quarter_turn_is_that_of_numpy() -> None:
    turned = np.asarray(augment(picture(), with_values(rotation_deg=90.0)))

    assert np.abs(turned.astype(int) - np.rot90(np.asarray(picture()))).max() <= 1


def test_shear_moves_the_top_against_the_bottom_by_its_share_of_the_width() -> None:
    column = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    column.paste((255, 0, 0, 255), (45, 0, 55, 100))

    alpha = np.asarray(augment(column, with_values(shear_x=0.2)))[..., 3].astype(float)

    places = (alpha * np.arange(alpha.shape[1])).sum(axis=1) / alpha.sum(axis=1)
    assert abs(places[-1] - places[0]) == pytest.approx(20, abs=0.5)
    assert alpha.sum() == pytest.approx(1000 * 255, rel=0.01)


def test_rotation_and_shear_lose_nothing_of_the_image() -> None:
    opaque = Image.new("RGBA", (60, 30), (10, 200, 30, 255))

    changed = np.asarray(augment(opaque, with_values(rotation_deg=20.0, shear_x=0.05, shear_y=-0.05)))

    assert changed[..., 3].sum() / 255 == pytest.approx(60 * 30, rel=0.01)


@pytest.mark.parametrize("kernel_px", [3, 5, 7, 13])
def test_blur_is_that_of_opencv_for_a_kernel_of_this_width(kernel_px: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    opaque = Image.fromarray(np.dstack([noise, np.full((64, 64), 255, np.uint8)]))

    blurred = np.asarray(augment(opaque, with_values(blur_kernel_px=kernel_px)))[..., :3].astype(float)

    expected = cv2.GaussianBlur(noise, (kernel_px, kernel_px), 0).astype(float)
    inside = (slice(13, -13), slice(13, -13))
    assert blurred[inside].std() == pytest.approx(expected[inside].std(), rel=0.1)  # OpenCV cuts the Gaussian off
    assert np.corrcoef(blurred[inside].ravel(), expected[inside].ravel())[0, 1] > 0.97


def test_a_large_picture_is_blurred_so_that_the_encoder_sees_it() -> None:
    """By the table: 400 px, kernels of 1 to 8, as the encoder sees them at 224 px, about a pixel on average."""
    seen = []
    for each in many(400, 400):
        deviation_px = {1: 0.0, 3: 0.8, 5: 1.1, 7: 1.4}[each.blur_kernel_px]
        seen.append(deviation_px * 224 / (400 * each.downscale))

    assert 0.8 < np.mean(seen) < 1.2


def test_blur_lets_no_hidden_color_bleed_in() -> None:
    blurred = np.asarray(augment(picture(), with_values(blur_kernel_px=9)))

    visible = blurred[blurred[..., 3] > 64][:, :3].astype(int)
    assert np.abs(visible - (200, 120, 40)).max() <= 4


def test_colors_are_offset_then_scaled_and_alpha_stays() -> None:
    changed = np.asarray(augment(picture(), with_values(color_offset=(0.05, -0.05, 0.0), brightness=1.1)))

    opaque = np.asarray(picture())[..., 3] == 255
    # By hand: (200 + 12.75) x 1.1, (120 - 12.75) x 1.1, 40 x 1.1.
    assert np.unique(changed[opaque], axis=0).tolist() == [[234, 118, 44, 255]]
    assert np.array_equal(changed[..., 3], np.asarray(picture())[..., 3])


def test_crop_keeps_the_share_of_both_sides_at_the_drawn_place() -> None:
    cropped = augment(picture(), with_values(crop=0.7, crop_x=1.0, crop_y=0.0))

    assert cropped.size == (28, 28)
    assert np.array_equal(np.asarray(cropped), np.asarray(picture())[:28, 12:])


def test_downscaling_shrinks_both_sides() -> None:
    assert augment(picture(), with_values(downscale=0.5)).size == (20, 20)
