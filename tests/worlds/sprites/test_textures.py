from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from worlds.sprites import Pattern, paint_texture
from worlds.sprites.textures import draw_texture


@pytest.mark.parametrize("pattern", Pattern)
def test_a_texture_is_the_same_at_every_size(pattern: Pattern) -> None:
    texture = replace(draw_texture(np.random.default_rng(3)), pattern=pattern)

    small, large = paint_texture(texture, 120), paint_texture(texture, 240)

    shrunk = cv2.resize(large, (120, 120), interpolation=cv2.INTER_AREA).astype(float)
    assert contrast(small) > 10
    assert np.abs(shrunk - small).mean() < 0.25 * contrast(small)


def contrast(picture: npt.NDArray[np.uint8]) -> float:
    return float(picture.reshape(-1, 3).std(axis=0).mean())


def test_textures_hardly_ever_look_alike() -> None:
    rng = np.random.default_rng(0)
    textures = [paint_texture(draw_texture(rng), 48).astype(float) for _ in range(40)]

    distances = [
        np.abs(textures[i] - textures[j]).mean() for i in range(len(textures)) for j in range(i + 1, len(textures))
    ]

    assert min(distances) > 10
