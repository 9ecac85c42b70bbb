import numpy as np
import pytest
import torch
from PIL import Image

from modeling.encoders.cosine_patches import CosinePatches, white_square


def encoder(channels: int = 192) -> CosinePatches:
    return CosinePatches(channels=channels, image_side=32, patch_side=8)


def noise_image(seed: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def pixels_of(tokens: torch.Tensor, patches: CosinePatches) -> torch.Tensor:
    """The pixels that the tokens stand for, in [-1, 1], by least squares."""
    pixels: torch.Tensor = (tokens - patches.places) @ torch.linalg.pinv(patches.basis)
    return pixels


def test_with_as_many_channels_as_pixels_nothing_is_lost() -> None:
    patches, image = encoder(), noise_image(0)

    first = pixels_of(patches.encode([image])[0], patches)[0]

    expected = torch.from_numpy(np.asarray(image)[:8, :8].astype(np.float32) / 127.5 - 1)
    assert torch.allclose(first, expected.flatten(), atol=1e-4)


def test_few_channels_keep_what_a_soft_picture_shows() -> None:
    patches = CosinePatches(channels=64, image_side=32, patch_side=16)
    rows, columns = np.mgrid[0:32, 0:32] / 31
    colors = np.stack([columns, 1 - rows, 0.5 + 0.4 * np.sin(4 * columns + 3 * rows)], axis=-1)
    image = Image.fromarray((255 * colors).astype(np.uint8))

    first = pixels_of(patches.encode([image])[0], patches)[0]

    expected = torch.from_numpy(np.asarray(image)[:16, :16].astype(np.float32) / 127.5 - 1).flatten()
    assert (first - expected).norm() < 0.03 * expected.norm()


def test_a_flat_patch_has_its_color_and_no_detail() -> None:
    patches = CosinePatches(channels=64, image_side=32, patch_side=16)
    grey, red = (Image.new("RGB", (32, 32), color) for color in ((128, 128, 128), (255, 1, 1)))

    tokens = patches.encode([grey, red])

    differs = (tokens[0, 0] - tokens[1, 0]).abs() > 1e-4
    assert differs.sum() == 3


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


def test_transparent_pixels_are_white_whatever_color_they_hide() -> None:
    hidden = Image.new("RGBA", (40, 20), (255, 0, 0, 0))

    square = white_square(hidden, side=16)

    assert np.asarray(square).min() == 255


def test_an_oblong_image_is_padded_not_stretched() -> None:
    oblong = Image.new("RGB", (64, 32), (0, 0, 0))

    square = np.asarray(white_square(oblong, side=64))

    assert square[20:44].max() == 0
    assert square[:12].min() == square[52:].min() == 255


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_of_a_prepared_picture_the_tokens_are_those_of_the_picture(mode: str) -> None:
    patches = encoder()
    pictures = [noise_image(seed, size).convert(mode) for seed, size in enumerate([(32, 32), (70, 20), (9, 40)])]
    if mode == "RGBA":
        for picture in pictures:
            picture.putalpha(noise_image(7, picture.size).convert("L"))

    prepared = [patches.prepare(picture) for picture in pictures]

    assert {(square.size, square.mode) for square in prepared} == {((32, 32), "RGB")}
    assert torch.equal(patches.encode(prepared), patches.encode(pictures))
