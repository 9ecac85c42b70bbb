"""Color histograms: what an object looks like, and how much that differs from what is around it."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from curation.records import Image

# Which cell of the histogram every pixel falls into; how much of each cell an object has.
ColorCells: TypeAlias = npt.NDArray[np.int64]
ColorHistogram: TypeAlias = npt.NDArray[np.float64]

# Cells along L, a and b, and their width in 8-bit levels. Our choice: coarse enough to survive shading, with neighbours
# sharing their counts.
_CELLS: Final = (16, 22, 22)
_LEVELS: Final = (16, 12, 12)
_SHARING_CELLS: Final = 0.8


def color_cells(image: Image) -> ColorCells:
    """The cell of every pixel, (height, width)."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB) // np.array(_LEVELS, np.uint8)
    light, green_red, blue_yellow = np.moveaxis(lab.astype(np.int64), -1, 0)
    cells: ColorCells = (light * _CELLS[1] + green_red) * _CELLS[2] + blue_yellow
    return cells


def color_histogram(
    cells: Sequence[ColorCells], weights: Sequence[npt.NDArray[np.bool_] | npt.NDArray[np.floating]]
) -> ColorHistogram:
    """The share of each cell among the weighted pixels of one or more pictures; all zero without any weight."""
    length = int(np.prod(_CELLS))
    counts = sum(np.bincount(c.ravel(), w.ravel(), length) for c, w in zip(cells, weights, strict=True))
    shared: ColorHistogram = gaussian_filter(np.reshape(counts, _CELLS), _SHARING_CELLS).ravel()
    histogram: ColorHistogram = shared / max(shared.sum(), 1e-9)
    return histogram


def color_similarity(one: ColorHistogram, other: ColorHistogram) -> float:
    """The Bhattacharyya coefficient: 1 for equal histograms, 0 for no color in common."""
    return float(np.sqrt(one * other).sum())
