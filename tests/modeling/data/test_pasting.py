import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from modeling.data.pasting import BackgroundCrop, draw_background_crop, paste

WHOLE = BackgroundCrop(share=1.0, x=0.0, y=0.0)


def noise(width: int, height: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def reference(alpha: npt.NDArray[np.uint8]) -> Image.Image:
    """A picture of one color with the given alpha."""
    pixels = np.empty((*alpha.shape, 4), np.uint8)
    pixels[..., :3] = (200, 120, 40)
    pixels[..., 3] = alpha
    return Image.fromarray(pixels)


def ramp(width: int, height: int) -> Image.Image:
    """A background whose red is x and whose green is y."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x, y, 0 * x], axis=-1).astype(np.uint8))


def test_outside_the_mask_lies_the_part_of_the_background_and_inside_the_reference() -> None:
    alpha = np.zeros((10, 10), np.uint8)
    alpha[3:7, 2:9] = 255
    background = noise(40, 20)

    # The largest part of these proportions is 20x20; half of it, at the right and in the middle: x 30 to 40, y 5 to 15.
    pasted = paste(reference(alpha), Image.fromarray(background), BackgroundCrop(share=0.5, x=1.0, y=0.5))

    assert (pasted.mode, pasted.size) == ("RGB", (10, 10))
    found, part = np.asarray(pasted), background[5:15, 30:40]
    assert np.array_equal(found[alpha == 0], part[alpha == 0])
    assert (found[alpha == 255] == (200, 120, 40)).all()


def test_edges_are_mixed_in_proportion_to_alpha() -> None:
    alpha = np.array([[0, 51, 102, 128, 204, 255]], np.uint8)
    ground = Image.new("RGB", (6, 1), (100, 20, 240))

    # By hand, a fifth of the reference: 200 / 5 + 100 x 4 / 5 = 120, 120 / 5 + 20 x 4 / 5 = 40, 40 / 5 + 240 x 4 / 5.
    assert np.asarray(paste(reference(alpha), ground, WHOLE))[0].tolist() == [
        [100, 20, 240],
        [120, 40, 200],
        [140, 60, 160],
        [150, 70, 140],
        [180, 100, 80],
        [200, 120, 40],
    ]


@pytest.mark.parametrize(("width", "height"), [(120, 60), (60, 120), (80, 80)])
def test_the_part_keeps_its_proportions_lies_inside_and_is_half_to_all_of_what_there_is(
    width: int, height: int
) -> None:
    generator = np.random.default_rng(0)
    invisible, background = reference(np.zeros((height, width), np.uint8)), ramp(200, 100)
    largest = min(200 / width, 100 / height)

    shares = []
    for _ in range(300):
        pasted = np.asarray(paste(invisible, background, draw_background_crop(generator))).astype(float)
        # Away from the borders, where resampling bends the ramps.
        across, down = pasted[height // 2, 5:-5, 0], pasted[5:-5, width // 2, 1]
        steps_x, steps_y = (np.polyfit(range(len(line)), line, 1)[0] for line in (across, down))
        assert steps_x == pytest.approx(steps_y, rel=0.05)
        shares.append(steps_x / largest)
    assert 0.48 < min(shares) < 0.52
    assert 0.97 < max(shares) < 1.02
    assert np.mean(shares) == pytest.approx(0.75, abs=0.03)


def test_parts_come_from_everywhere() -> None:
    generator = np.random.default_rng(0)
    invisible, background = reference(np.zeros((20, 20), np.uint8)), ramp(200, 100)

    parts = np.array([np.asarray(paste(invisible, background, draw_background_crop(generator))) for _ in range(300)])

    assert parts[..., 0].min() <= 2
    assert parts[..., 0].max() >= 197
    assert parts[..., 1].min() <= 1
    assert parts[..., 1].max() >= 98


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_any_background_serves(mode: str, size: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    image = reference(np.full((1, 7), 255, np.uint8))

    for _ in range(20):
        pasted = paste(image, Image.new(mode, size), draw_background_crop(generator))
        assert (np.asarray(pasted) == (200, 120, 40)).all()
