"""The foreground around a region of a frame, looked at as closely as shows all of it."""

from typing import Final

import cv2
import numpy as np

from curation.annotators.moving_object.foreground import Foreground, Plane
from curation.masks import mask_box
from curation.records import Image, Mask

# Our choice: as much room on each side of the region as half its longer side, so that a region which is a part of the
# object still shows most of it, and the object fills the crop about as people fill the pictures of the training.
_MARGIN: Final = 0.5


def zoomed_foreground(network: Foreground, frame: Image, whole: Plane, region: Mask) -> Plane:
    """The plane of the whole frame, or that of a crop around the region where the network knows the region better.

    A crop that cuts what it finds is too close, and does not count.
    """
    height, width = region.shape
    x0, y0, x1, y1 = _square_around(region)
    if (x1 - x0) * (y1 - y0) == height * width:
        return whole
    rows = slice(round(y0 * frame.shape[0] / height), round(y1 * frame.shape[0] / height))
    columns = slice(round(x0 * frame.shape[1] / width), round(x1 * frame.shape[1] / width))
    close = np.zeros_like(whole)
    close[y0:y1, x0:x1] = cv2.resize(
        network.probability(frame[rows, columns]), (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA
    )
    found = parts_touching(close > 0.5, region)
    is_cut = (
        (x0 > 0 and found[:, x0].any())
        or (y0 > 0 and found[y0].any())
        or (x1 < width and found[:, x1 - 1].any())
        or (y1 < height and found[y1 - 1].any())
    )
    return whole if is_cut or close[region].mean() < whole[region].mean() else close


def parts_touching(mask: Mask, region: Mask) -> Mask:
    """The connected parts that share a tenth of themselves or of the region."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    shared = np.bincount(labels[region], minlength=labels.max() + 1)
    area = np.minimum(np.bincount(labels.ravel()), region.sum())
    chosen = shared > 0.1 * area
    chosen[0] = False
    touching: Mask = chosen[labels]
    return touching


def _square_around(region: Mask) -> tuple[int, int, int, int]:
    """A square with room around the region, as far as the frame reaches: x0, y0, x1, y1."""
    height, width = region.shape
    x0, y0, x1, y1 = mask_box(region)
    half = (0.5 + _MARGIN) * max(x1 - x0, y1 - y0)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return (
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(width, round(x + half)),
        min(height, round(y + half)),
    )
