"""A picture of an entity as histograms of color and texture."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from curation.masks import resize_mask
from curation.records import Cutout, Mask

# Our choice: cells along L, a and b, coarse enough to survive a change of pose and shading; 8 directions x 4 strengths
# of gradient for texture, which counts for a quarter because it changes more with pose.
_COLOR_CELLS: Final = (6, 12, 12)
_DIRECTIONS: Final = 8
_STRENGTHS: Final = (4.0, 12.0, 32.0)
_TEXTURE_WEIGHT: Final = 0.25
_ENCODED_SIDE: Final = 128


def histogram_vector(cutout: Cutout) -> npt.NDArray[np.float64]:
    """Square roots of the histograms, weighted so that the vector's length is one."""
    scale = _ENCODED_SIDE / max(cutout.shape[:2])
    size = (max(1, round(cutout.shape[1] * scale)), max(1, round(cutout.shape[0] * scale)))
    inside = resize_mask(cutout[..., 3] > 0, size)
    rgb = cv2.resize(cutout[..., :3], size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    color = cv2.calcHist([lab], [0, 1, 2], inside.astype(np.uint8), list(_COLOR_CELLS), [0, 256] * 3).ravel()
    color_part = np.sqrt(color / color.sum() * (1 - _TEXTURE_WEIGHT))
    texture = _texture_histogram(lab[..., 0], inside)
    return np.concatenate([color_part, np.sqrt(texture * _TEXTURE_WEIGHT)]).astype(np.float64)


def _texture_histogram(lightness: npt.NDArray[np.uint8], inside: Mask) -> npt.NDArray[np.float64]:
    across = cv2.Sobel(lightness, cv2.CV_32F, 1, 0, scale=1 / 4)
    down = cv2.Sobel(lightness, cv2.CV_32F, 0, 1, scale=1 / 4)
    inner = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    chosen = inner if inner.any() else inside
    strength = np.digitize(np.hypot(across, down)[chosen], _STRENGTHS)
    direction = np.floor(np.arctan2(down, across)[chosen] / np.pi % 1.0 * _DIRECTIONS).astype(int) % _DIRECTIONS
    # A flat pixel has no direction.
    cell = np.where(strength == 0, 0, strength * _DIRECTIONS + direction)
    counts = np.bincount(cell, minlength=(len(_STRENGTHS) + 1) * _DIRECTIONS)
    histogram: npt.NDArray[np.float64] = counts / counts.sum()
    return histogram
