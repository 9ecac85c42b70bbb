import numpy as np
import torch
from PIL import Image

from modeling.encoders.projected_patches import ProjectedPatches, white_square


def encoder(channels: int = 192) -> ProjectedPatches:
    return ProjectedPatches(channels=channels, image_side=32, patch_side=8)


def noise_image(seed: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_distances_between_patches_are_those_of_their_pixels() -> None:
    left, right = noise_image(0), noise_image(1)

    tokens = encoder().encode([left, right])

    pixels = (np.asarray(left)[:8, :8].astype(float) - np.asarray(right)[:8, :8]) / 127.5
    assert torch.isclose((tokens[0, 0] - tokens[1, 0]).norm(), torch.tensor(np.linalg.norm(pixels)).float(), rtol=1e-4)


def test_tokens_run_row_by_row() -> None:
    before = noise_image(0)
    pixels = np.array(before)
    pixels[8:16, 24:32] = 0

    changed = encoder().encode([before, Image.fromarray(pixels)])

    is_different = (changed[0] != changed[1]).any(dim=1)
    assert is_different.nonzero().flatten().tolist() == [4 + 3]


def test_equal_patches_at_different_places_have_different_tokens() -> None:
    tokens = encoder().encode([Image.new("RGB", (32, 32), (9, 99, 199))])[0]

    assert len(torch.unique(tokens, dim=0)) == 16


def test_transparent_pixels_are_white_whatever_colour_they_hide() -> None:
    hidden = Image.new("RGBA", (40, 20), (255, 0, 0, 0))

    square = white_square(hidden, side=16)

    assert np.asarray(square).min() == 255


def test_an_oblong_image_is_padded_not_stretched() -> None:
    oblong = Image.new("RGB", (64, 32), (0, 0, 0))

    square = np.asarray(white_square(oblong, side=64))

    assert square[20:44].max() == 0
    assert square[:12].min() == square[52:].min() == 255
