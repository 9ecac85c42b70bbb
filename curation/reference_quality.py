"""How good a segmented picture of an entity is: the columns of `dataset_schema.Reference`, as functions of arrays.

The paper keeps every crop (3.1); these scores are ours. They are stored, and a policy chooses by them.
"""

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Image, Mask

# A crop with its alpha: (height, width, 4), RGBA.
Cutout: TypeAlias = npt.NDArray[np.uint8]

_SHARPNESS_SIDE: Final = 256

# Our choice: cells along L, a and b, coarse enough to survive a change of pose and shading; 8 directions x 4 strengths
# of gradient for texture, which counts for a quarter because it changes more with pose.
_COLOR_CELLS: Final = (6, 12, 12)
_DIRECTIONS: Final = 8
_STRENGTHS: Final = (4.0, 12.0, 32.0)
_TEXTURE_WEIGHT: Final = 0.25
_ENCODED_SIDE: Final = 128


class CutoutEncoder(Protocol):
    """Turns pictures of entities into vectors whose cosine says how alike the entities are."""

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        """Vectors (cutouts, features) of length one."""
        ...


def area(mask: Mask) -> float:
    """Mask pixels / frame pixels."""
    return float(mask.mean())


def sharpness(image: Image, mask: Mask) -> float:
    """Variance of the Laplacian inside the mask, crop scaled to 256 px on its long side; unbounded, 0 is flat.

    The scale makes crops of one entity comparable between videos. Pixels whose neighbours lie outside the mask are
    left out, so that the outline itself does not count as detail, unless nothing else is left.
    """
    x0, y0, x1, y1 = mask_box(mask)
    crop, inside = image[y0:y1, x0:x1], mask[y0:y1, x0:x1].astype(np.uint8)
    scale = _SHARPNESS_SIDE / max(crop.shape[:2])
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    gray = cv2.cvtColor(cv2.resize(crop, size, interpolation=method), cv2.COLOR_RGB2GRAY)
    inside = cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST)
    inner = cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
    chosen = (inner if inner.any() else inside).astype(bool)
    return float(cv2.Laplacian(gray, cv2.CV_64F)[chosen].var())


def largest_fragment(mask: Mask) -> float:
    """Pixels of the largest connected part / mask pixels; parts that touch at a corner are connected."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max() / mask.sum())


def border_contact(mask: Mask) -> float:
    """Share of the mask's outline that lies on the frame's border: how much of the entity may be cut off.

    The outline is the mask pixels with one of their eight neighbours outside the mask or outside the frame.
    """
    outline = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    on_border = outline.sum() - outline[1:-1, 1:-1].sum()
    return float(on_border / max(1, outline.sum()))


def overlap(mask: Mask, others: Sequence[Mask]) -> float:
    """Largest share of this mask that another entity's mask covers."""
    return max((float((mask & other).sum() / mask.sum()) for other in others), default=0.0)


def agreement(vectors: npt.NDArray[np.float64]) -> list[float | None]:
    """For each of one entity's vectors its mean cosine to the others, at least 0; None for a single one."""
    if len(vectors) < 2:
        return [None] * len(vectors)
    cosines = vectors @ vectors.T
    others = (cosines.sum(axis=1) - np.diag(cosines)) / (len(vectors) - 1)
    return [float(np.clip(value, 0, 1)) for value in others]


def mask_box(mask: Mask) -> tuple[int, int, int, int]:
    """The smallest box around the mask: x0, y0, x1, y1, half-open.

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("mask is empty, expected at least one pixel")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def cut_out(image: Image, mask: Mask, box: tuple[int, int, int, int]) -> Cutout:
    """The box as RGBA: the image's own colours inside the mask, all zero outside."""
    x0, y0, x1, y1 = box
    inside = mask[y0:y1, x0:x1]
    rgb = np.where(inside[..., None], image[y0:y1, x0:x1], 0)
    return np.dstack([rgb, np.where(inside, 255, 0)]).astype(np.uint8)


class HistogramEncoder:
    """Colour and texture histograms: the cosine of two vectors is a weighted mean of two Bhattacharyya coefficients.

    Tells a red jacket from a blue one, not one man in a red jacket from another.
    """

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        """Square roots of the histograms, weighted so that a vector's length is one."""
        return np.stack([_histogram_vector(cutout) for cutout in cutouts])


def _histogram_vector(cutout: Cutout) -> npt.NDArray[np.float64]:
    scale = _ENCODED_SIDE / max(cutout.shape[:2])
    size = (max(1, round(cutout.shape[1] * scale)), max(1, round(cutout.shape[0] * scale)))
    inside = cv2.resize(cutout[..., 3], size, interpolation=cv2.INTER_NEAREST)
    rgb = cv2.resize(cutout[..., :3], size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    color = cv2.calcHist([lab], [0, 1, 2], inside, list(_COLOR_CELLS), [0, 256] * 3).ravel()
    color_part = np.sqrt(color / color.sum() * (1 - _TEXTURE_WEIGHT))
    texture = _texture_histogram(lab[..., 0], inside > 0)
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
