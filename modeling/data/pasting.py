"""Segmented reference images pasted onto other places, so that a picture need not be segmented (supplement D)."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from picture_reading.showing import on_white


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundCrop:
    """Which part of a background lies behind an image.

    Attributes:
        share: of the largest part that has the image's proportions. Our choice: sides, not area, from a half up.
        x: place of the part, 0 left to 1 right; `y` likewise, from the top.
    """

    share: float
    x: float
    y: float


def draw_background_crop(generator: np.random.Generator) -> BackgroundCrop:
    """Any part of any background, of at least half the possible size."""
    return BackgroundCrop(share=generator.uniform(0.5, 1.0), x=generator.random(), y=generator.random())


def paste(image: Image.Image, background: Image.Image, crop: BackgroundCrop) -> Image.Image:
    """The RGBA image on the part of the background, scaled to its size; RGB."""
    scale = crop.share * min(background.width / image.width, background.height / image.height)
    width, height = scale * image.width, scale * image.height
    left, top = crop.x * (background.width - width), crop.y * (background.height - height)
    box = (left, top, left + width, top + height)
    ground = on_white(background).resize(image.size, Image.Resampling.BICUBIC, box=box)
    ground.paste(image, mask=image.getchannel("A"))
    return ground
