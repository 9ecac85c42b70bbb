"""Masks of one word in one frame: which say the same, and which are of several things."""

from collections.abc import Sequence

import numpy as np

from curation.given import RunLengths, Shape
from curation.imports.foreign import ForeignMask
from curation.masks import iou
from curation.records import Mask
from dataset_schema import Box
from picture_reading.run_lengths import mask_of


def without_doubles(masks: Sequence[ForeignMask], *, above_iou: float) -> list[ForeignMask]:
    """The masks of one word in one frame, the largest first, without those that a larger one covers.

    Raises:
        ValueError: a mask cannot be read.
    """
    if len(masks) < 2:
        return list(masks)
    kept: list[ForeignMask] = []
    for mask in sorted(masks, key=_area, reverse=True):
        if not any(_iou(mask, other) > above_iou for other in kept):
            kept.append(mask)
    return kept


def _area(mask: ForeignMask) -> float:
    if isinstance(mask.shape, RunLengths):
        return float(_read(mask.shape).sum())
    box = _box_of(mask)
    return 0.0 if box is None else (box.x1 - box.x0) * (box.y1 - box.y0)


def _iou(one: ForeignMask, other: ForeignMask) -> float:
    """Of masks where both have one, else of boxes; cut-outs without a place are different things."""
    boxes = _box_of(one), _box_of(other)
    if boxes[0] is not None and boxes[1] is not None and (found := _box_iou(boxes[0], boxes[1])) == 0:
        return found
    if isinstance(one.shape, RunLengths) and isinstance(other.shape, RunLengths):
        left, right = _read(one.shape), _read(other.shape)
        return iou(left, right) if left.shape == right.shape and (left | right).any() else 0.0
    return 0.0 if boxes[0] is None or boxes[1] is None else _box_iou(boxes[0], boxes[1])


def _box_of(mask: ForeignMask) -> Box | None:
    shape: Shape = mask.shape
    return shape if isinstance(shape, Box) else mask.box


def _box_iou(one: Box, other: Box) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box.x1 - box.x0) * (box.y1 - box.y0) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def _read(shape: RunLengths) -> Mask:
    return np.asarray(mask_of(shape.counts, height=shape.height, width=shape.width))
