"""A given shape as a mask over its frame."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from curation.deferred import Deferred
from curation.given import RunLengths, Shape
from curation.records import Image, Mask
from curation.stage import ClipError
from dataset_schema import Box, FailureKind
from picture_reading.opening import open_picture
from picture_reading.run_lengths import mask_of

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


def beyond(shape: Shape, image: Image) -> Mask | None:
    """What the frame has outside the picture that a mask was made for; None where that is all of the frame."""
    if not isinstance(shape, RunLengths) or shape.crop is None or image.shape[:2] == (shape.height, shape.width):
        return None
    outside = np.ones(image.shape[:2], bool)
    outside[_window(shape, shape.crop)] = False
    return outside


def _of_run_lengths(shape: RunLengths, image: Image) -> Mask:
    """In a video that was cropped already the mask has the frame's size."""
    try:
        inner = mask_of(shape.counts, height=shape.height, width=shape.width)
    except ValueError as error:
        raise ValueError(f"a mask cannot be read: {error}") from error
    height, width = image.shape[:2]
    if inner.shape == (height, width):
        return inner
    mask = np.zeros((height, width), bool)
    if shape.crop is None or mask[_window(shape, shape.crop)].shape != inner.shape:
        raise ValueError(
            f"a mask is of {shape.width}x{shape.height} pixels, and its frame has {width}x{height}; give the video in "
            "the size that was annotated, cropped where its annotation crops it, or take it whole: --options.cropped "
            "whole"
        )
    mask[_window(shape, shape.crop)] = inner
    return mask


def _window(shape: RunLengths, crop: tuple[int, int]) -> tuple[slice, slice]:
    x0, y0 = crop
    return slice(y0, y0 + shape.height), slice(x0, x0 + shape.width)


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
