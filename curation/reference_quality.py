"""How good a segmented picture of an entity is: the columns of `dataset_schema.Reference`, as functions of arrays.

The paper keeps every crop (3.1); these scores are ours. They are stored, and a policy chooses by them.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Cutout, Image, Mask

Vector: TypeAlias = npt.NDArray[np.float64]  # (features,), of length one

_SHARPNESS_SIDE: Final = 256


class Quality(NamedTuple):
    """The scores of one picture by itself, named as in `dataset_schema.Reference`."""

    area: float
    sharpness: float
    largest_fragment: float
    solidity: float
    fill: float
    border_contact: float
    overlap: float


def measure(image: Image, mask: Mask, rivals: Sequence[Mask]) -> Quality:
    """All of them.

    Args:
        image: the whole frame.
        mask: over it, not empty.
        rivals: the masks of other entities of the same kind in it.
    """
    return Quality(
        area=area(mask),
        sharpness=sharpness(image, mask),
        largest_fragment=largest_fragment(mask),
        solidity=solidity(mask),
        fill=fill(mask),
        border_contact=border_contact(mask),
        overlap=overlap(mask, rivals),
    )


def area(mask: Mask) -> float:
    """Mask pixels / frame pixels."""
    return float(mask.mean())


def sharpness(image: Image, mask: Mask) -> float:
    """Variance of the Laplacian inside the mask, crop scaled to 256 px on its long side; unbounded, 0 is flat.

    The scale makes crops of one entity comparable between videos. Pixels whose neighbours lie outside the mask are
    left out, so that the outline itself does not count as detail, unless nothing else is left.
    """
    x0, y0, x1, y1 = mask_box(mask)
    crop, inside = image[y0:y1, x0:x1], mask[y0:y1, x0:x1]
    scale = _SHARPNESS_SIDE / max(crop.shape[:2])
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    gray = cv2.cvtColor(cv2.resize(crop, size, interpolation=method), cv2.COLOR_RGB2GRAY)
    inside = resize_mask(inside, size).astype(np.uint8)
    inner = cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
    chosen = (inner if inner.any() else inside).astype(bool)
    return float(cv2.Laplacian(gray, cv2.CV_64F)[chosen].var())


def largest_fragment(mask: Mask) -> float:
    """Pixels of the largest connected part / mask pixels; parts that touch at a corner are connected."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max() / mask.sum())


def solidity(mask: Mask) -> float:
    """Mask pixels / pixels of their convex hull: 1 for a disk, about a half for spread limbs."""
    rows, columns = np.nonzero(mask)
    hull = cv2.convexHull(np.stack([columns, rows], axis=-1).astype(np.int32))
    filled = cv2.fillConvexPoly(mask.astype(np.uint8), hull, 1)
    return float(mask.sum() / filled.sum())


def fill(mask: Mask) -> float:
    """Mask pixels / pixels of the smallest box around them: 0.79 for a disk, low for what is thin and aslant."""
    x0, y0, x1, y1 = mask_box(mask)
    return float(mask[y0:y1, x0:x1].mean())


def border_contact(mask: Mask) -> float:
    """Share of the mask's outline that lies on the frame's border: how much of the entity may be cut off.

    The outline is the mask pixels with one of their eight neighbours outside the mask or outside the frame.
    """
    outline = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    on_border = outline.sum() - outline[1:-1, 1:-1].sum()
    return float(on_border / max(1, outline.sum()))


def overlap(mask: Mask, others: Sequence[Mask]) -> float:
    """Largest share of this mask that one of the others covers."""
    return max((float((mask & other).sum() / mask.sum()) for other in others), default=0.0)


def agreement(vectors: Sequence[Vector]) -> list[float | None]:
    """For each of one entity's vectors its greatest cosine to another, at least 0; None for a single one.

    Our choice: the greatest and not the mean, because of three pictures one wrong one lowers the mean of the two right
    ones too, and by as much as they agree less than perfectly they would fall with it.
    """
    if len(vectors) < 2:
        return [None] * len(vectors)
    cosines = np.stack(vectors) @ np.stack(vectors).T
    np.fill_diagonal(cosines, -1)
    return [float(np.clip(value, 0, 1)) for value in cosines.max(axis=1)]


def likeness(vectors: Sequence[Vector], known: Sequence[Vector]) -> list[float | None]:
    """For each vector its mean cosine to those of the same entity inside the clip, at least 0; None without any."""
    if not known:
        return [None] * len(vectors)
    return [float(np.clip(np.mean([vector @ other for other in known]), 0, 1)) for vector in vectors]


def mask_box(mask: Mask) -> tuple[int, int, int, int]:
    """The smallest box around the mask: x0, y0, x1, y1, half-open.

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("mask is empty, expected at least one pixel")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """The mask at (width, height), by nearest pixel; where that loses all of a thin one, by every pixel it touches."""
    nearest: Mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if nearest.any():
        return nearest
    touched: Mask = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    return touched


def cut_out(image: Image, mask: Mask, box: tuple[int, int, int, int]) -> Cutout:
    """The box as RGBA: the image's own colours inside the mask, all zero outside."""
    x0, y0, x1, y1 = box
    inside = mask[y0:y1, x0:x1]
    rgb = np.where(inside[..., None], image[y0:y1, x0:x1], 0)
    return np.dstack([rgb, np.where(inside, 255, 0)]).astype(np.uint8)
