"""The geometry of masks: boxes, shapes, shares, overlaps, growing and filling; functions of arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.deferred import Deferred
from curation.records import Cutout, Image, Mask

cv2: Any = Deferred("cv2")


def mask_box(mask: Mask) -> tuple[int, int, int, int]:
    """The smallest box around the mask: x0, y0, x1, y1, half-open.

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("mask is empty, expected at least one pixel")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def area(mask: Mask) -> float:
    """Mask pixels / frame pixels."""
    return float(mask.mean())


def largest_fragment(mask: Mask) -> float:
    """Pixels of the largest connected part / mask pixels; parts that touch at a corner are connected."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max() / mask.sum())


def solidity(mask: Mask) -> float:
    """Mask pixels / pixels of their convex hull: 1 for a disk, about a half for spread limbs."""
    rows = np.flatnonzero(mask.any(axis=1))
    first, last = mask[rows].argmax(axis=1), mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([first, rows], axis=-1), np.stack([last, rows], axis=-1)])
    hull = cv2.convexHull(ends.astype(np.int32))
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


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks, one of them not empty."""
    return float((one & other).sum() / (one | other).sum())


def grow(mask: Mask, radius_px: int) -> Mask:
    """The mask dilated by a disk."""
    grown: Mask = cv2.dilate(mask.astype(np.uint8), disk(radius_px)) > 0
    return grown


def disk(radius_px: int) -> npt.NDArray[np.uint8]:
    """A disk-shaped structuring element."""
    element: npt.NDArray[np.uint8] = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1)
    )
    return element


def fill_holes(mask: npt.NDArray[Any]) -> Mask:
    """The mask with everything that it encloses."""
    padded = np.pad(mask.astype(np.uint8), 1)
    outside = padded.copy()
    cv2.floodFill(outside, None, (0, 0), 1)
    filled: Mask = ((padded > 0) | (outside == 0))[1:-1, 1:-1]
    return filled


def connected_parts(mask: npt.NDArray[Any], *, min_area: float = 1) -> list[Mask]:
    """The connected parts of at least so many pixels; parts that touch at a corner are connected."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return [labels == label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= min_area]


def resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """The mask at (width, height), by nearest pixel; where that loses all of a thin one, by every pixel it touches."""
    nearest: Mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if nearest.any():
        return nearest
    touched: Mask = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    return touched


def cut_out(image: Image, mask: Mask, box: tuple[int, int, int, int]) -> Cutout:
    """The box as RGBA: the image's own colors inside the mask, all zero outside."""
    x0, y0, x1, y1 = box
    cutout: Cutout = cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_RGB2RGBA)
    cutout[~mask[y0:y1, x0:x1]] = 0
    return cutout


def white_outside(cutout: Cutout) -> Cutout:
    """The cutout with white where it is transparent, as it is stored.

    Our choice: most trainers drop alpha and show what is below, which was black. White is what this library, and the
    authors' evaluation, show there. The frame's own pixels would show the surroundings, with the other entities, to a
    model that should learn this one; whoever wants them cuts them from the video by the box.
    """
    shown = cutout.copy()
    shown[cutout[..., 3] == 0] = (255, 255, 255, 0)
    return shown


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """An RGB or RGBA image as PNG."""
    to_bgr = cv2.COLOR_RGBA2BGRA if image.shape[-1] == 4 else cv2.COLOR_RGB2BGR
    written, encoded = cv2.imencode(".png", cv2.cvtColor(image, to_bgr))
    if not written:
        raise RuntimeError(f"image of shape {image.shape} could not be written as PNG")
    return bytes(encoded)
