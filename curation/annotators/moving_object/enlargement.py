"""A mask that was drawn at working size, over the full-size frame."""

from typing import Final

import cv2
import numpy as np

from curation.records import Image, Mask

# The guided filter's window at working size, and the variance of grey below which a window counts as flat.
_WINDOW: Final = (7, 7)
_FLATNESS: Final = 1e-3


def enlarge(mask: Mask, image: Image) -> Mask:
    """The mask over the full-size frame, its outline drawn to the image's edges (a guided filter, applied upwards)."""
    height, width = image.shape[:2]
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    guide = cv2.resize(gray, mask.shape[::-1], interpolation=cv2.INTER_AREA)
    soft = mask.astype(np.float32)
    mean_guide, mean_soft = cv2.blur(guide, _WINDOW), cv2.blur(soft, _WINDOW)
    covariance = cv2.blur(guide * soft, _WINDOW) - mean_guide * mean_soft
    variance = cv2.blur(guide * guide, _WINDOW) - mean_guide * mean_guide
    slope = covariance / (variance + _FLATNESS)
    offset = mean_soft - slope * mean_guide
    slope, offset = (cv2.resize(cv2.blur(plane, _WINDOW), (width, height)) for plane in (slope, offset))
    enlarged: Mask = slope * gray + offset > 0.5
    return enlarged
