from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image

from modeling.training.presets import tiny


class OwnPatches:
    """An `ImageEncoder` of somebody's own, which begins with nothing that others could do."""

    def encode(self, images: Sequence[Image.Image]) -> torch.Tensor:
        return torch.zeros(len(images), 1, 4)


def test_an_encoder_that_prepares_nothing_gets_its_pictures_as_they_are() -> None:
    picture = Image.new("RGBA", (30, 20), "red")
    encoders = tiny().pipeline.encoders.build()

    assert replace(encoders, image=OwnPatches()).prepare_image(picture) is picture
    assert encoders.prepare_image(picture).size == (32, 32)
