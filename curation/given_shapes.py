"""A given shape as a mask over its frame."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from curation.deferred import Deferred
from curation.given import RunLengths, Shape
from curation.records import Image, Mask
from curation.run_lengths import mask_of
from curation.stage import ClipError
from dataset_schema import Box, FailureKind
from picture_reading.opening import open_picture

cv2: Any = Deferred("cv2")

# Our choice: levels, of 255, by which a cut-out may differ from its frame in the mean. The same JPEG differs by less
# from one decoder to another; the next frame of a video differs by more.
_MAX_DIFFERENCE: Final = 2.0

# A box may reach so many pixels beyond its frame: detectors round.
_ROUNDING_PX: Final = 2.0


def lay(shape: Shape, image: Image) -> Mask:
    """The mask over the whole frame.

    Raises:
        ClipError: the shape is none, is of another size than the frame, or is no part of it.
    """
    try:
        match shape:
            case RunLengths():
                return _of_run_lengths(shape, image)
            case Box():
                return _of_box(shape, image)
            case Path():
                return _of_cutout(shape, image)
    except ValueError as error:
        raise ClipError(FailureKind.INPUT, str(error)) from error


def _of_run_lengths(shape: RunLengths, image: Image) -> Mask:
    """In a video that was cropped already the mask has the frame's size, and lies at its corner."""
    try:
        inner = mask_of(shape.counts, height=shape.height, width=shape.width)
    except ValueError as error:
        raise ValueError(f"a mask cannot be read: {error}") from error
    height, width = image.shape[:2]
    if inner.shape == (height, width):
        return inner
    if not (shape.x0 or shape.y0) or shape.y0 + shape.height > height or shape.x0 + shape.width > width:
        raise ValueError(
            f"a mask is of {shape.width}x{shape.height} pixels at ({shape.x0}, {shape.y0}), and its frame has "
            f"{width}x{height}; give the video in the size that was annotated"
        )
    mask = np.zeros((height, width), bool)
    mask[shape.y0 : shape.y0 + shape.height, shape.x0 : shape.x0 + shape.width] = inner
    return mask


def _of_box(box: Box, image: Image) -> Mask:
    height, width = image.shape[:2]
    if box.x1 > width + _ROUNDING_PX or box.y1 > height + _ROUNDING_PX:
        raise ValueError(
            f"a box reaches to ({box.x1:g}, {box.y1:g}), and its frame has {width}x{height} pixels; give the video in "
            "the size that was annotated"
        )
    mask = np.zeros((height, width), bool)
    mask[
        round(box.y0) : max(round(box.y1), round(box.y0) + 1), round(box.x0) : max(round(box.x1), round(box.x0) + 1)
    ] = 1
    return mask


def _of_cutout(file: Path, image: Image) -> Mask:
    """Where the cut-out fits the frame, by the colors that show."""
    cutout = np.asarray(open_picture(file))
    height, width = cutout.shape[:2]
    shown = cutout[..., 3] > 127
    if height > image.shape[0] or width > image.shape[1]:
        raise ValueError(
            f"{file} is larger than its frame of {image.shape[1]}x{image.shape[0]} pixels, expected a part of it"
        )
    differences = cv2.matchTemplate(
        image, np.ascontiguousarray(cutout[..., :3]), cv2.TM_SQDIFF, mask=shown.astype(np.uint8)
    )
    y0, x0 = np.unravel_index(differences.argmin(), differences.shape)
    found = image[y0 : y0 + height, x0 : x0 + width]
    difference = np.abs(found.astype(int) - cutout[..., :3])[shown].mean()
    if difference > _MAX_DIFFERENCE:
        raise ValueError(
            f"{file} is no part of its frame: where it fits best, it differs by {difference:.1f} levels, expected at "
            f"most {_MAX_DIFFERENCE:g}; were the pictures scaled or saved anew, prepare them again"
        )
    mask = np.zeros(image.shape[:2], bool)
    mask[y0 : y0 + height, x0 : x0 + width] = shown
    return mask
