"""The pixels of a reference image, whole and small."""

from typing import Final

import cv2
import numpy as np

from curation.records import Cutout, Image
from dataset_schema import ReferenceImage
from picture_reading.opening import open_picture

_SMALL_SIDE: Final = 32


def cutout_of(reference: ReferenceImage) -> Cutout:
    """A reference image's pixels."""
    image = reference.image
    return np.asarray(open_picture(image.bytes if image.bytes is not None else image.path or ""), np.uint8)


def small_picture(cutout: Cutout) -> Image:
    """The cutout on white, padded to a square, in 32 x 32."""
    height, width = cutout.shape[:2]
    side = max(height, width)
    square = np.full((side, side, 3), 255, np.uint8)
    window = square[(side - height) // 2 :][:height, (side - width) // 2 :][:, :width]
    opaque = cutout[..., 3] > 0
    window[opaque] = cutout[..., :3][opaque]
    return np.asarray(cv2.resize(square, (_SMALL_SIDE, _SMALL_SIDE), interpolation=cv2.INTER_AREA), np.uint8)
