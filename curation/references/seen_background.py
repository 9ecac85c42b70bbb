"""The background behind an entity, from other frames of the clip that show it: what was seen need not be invented.

The other frames are laid onto this one by the homography that the background follows. What they show counts only where
the picture around the hole agrees with them, so that depth, a change of light or a wrong mask spoils nothing.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from curation.deferred import Deferred
from curation.records import Image, Mask

cv2: Any = Deferred("cv2")

Plane: TypeAlias = npt.NDArray[np.float32]  # (height, width)
Homography: TypeAlias = npt.NDArray[np.float64]  # (3, 3)

# Frames are registered at this size, by so many features, of which so many must agree.
_SIDE: Final = 320
_MAX_FEATURES: Final = 1000
_MIN_CONTRAST: Final = 0.01  # a quarter of the usual, for dim scenes: the strongest are taken anyway
_MIN_INLIERS: Final = 20
_DISTINCT: Final = 0.8
_INLIER_PX: Final = 2.0

# Frames are compared at this size: a texture that lies a little off is as good, a structure is not.
_COMPARED_SIDE: Final = 160

# How far around a pixel of the hole the agreement of known pixels is read, as a share of the frame's long side: near by
# at its rim, farther in its middle.
_REACHES: Final = (0.01, 0.03, 0.1)
_ENOUGH: Final = 0.01


class View(NamedTuple):
    """Another picture of the same scene, of the same size, and what in it is no background."""

    image: Image
    mask: Mask


class Plate(NamedTuple):
    """A picture with the background behind its hole, and what of the hole no other frame showed."""

    image: Image
    unseen: Mask


class _Corners(NamedTuple):
    """Places of a picture, (corners, 2) in its pixels, and what they look like."""

    points: npt.NDArray[np.float32]
    looks: npt.NDArray[np.float32]


def paint_seen_background(image: Image, hole: Mask, views: Sequence[View], *, max_difference: float) -> Plate:
    """The hole painted with what the views show there.

    Args:
        image: the frame.
        hole: what to paint over.
        views: other frames.
        max_difference: mean difference of levels around the hole, in [0, 255], above which a view shows something else.
    """
    plate, unseen = image.copy(), hole.copy()
    least = np.full(hole.shape, max_difference, np.float32)
    corners = _corners(image, hole) if views else None
    for view in views:
        camera = _camera(_corners(view.image, view.mask), corners)
        if camera is None:
            continue
        shown, known = _lay_over(view, camera, hole.shape)
        color_shift, difference = _compare(image, shown, known & ~hole)
        better = hole & known & (difference < least)
        plate[better] = np.clip(np.round(shown[better] + color_shift[better]), 0, 255).astype(np.uint8)
        least[better] = difference[better]
        unseen &= ~better
    return Plate(plate, unseen)


def _camera(start: _Corners | None, end: _Corners | None) -> Homography | None:
    """The homography that most corners follow from one picture to the other; None where too few do."""
    if start is None or end is None:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(start.looks, end.looks, k=2)
    good = [pair[0] for pair in pairs if pair[0].distance < _DISTINCT * pair[1].distance]
    if len(good) < _MIN_INLIERS:
        return None
    cv2.setRNGSeed(0)
    camera, inliers = cv2.findHomography(
        start.points[[match.queryIdx for match in good]],
        end.points[[match.trainIdx for match in good]],
        cv2.USAC_MAGSAC,
        _INLIER_PX,
        maxIters=5000,
        confidence=0.999,
    )
    return None if camera is None or inliers.sum() < _MIN_INLIERS else camera


def _corners(image: Image, hole: Mask) -> _Corners | None:
    """Those outside the hole; None where there are too few."""
    scale = min(1.0, _SIDE / max(hole.shape))
    size = (max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale)))
    outside = cv2.resize((~hole).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    found, looks = cv2.SIFT_create(_MAX_FEATURES, contrastThreshold=_MIN_CONTRAST).detectAndCompute(small, outside)
    if len(found) < _MIN_INLIERS:
        return None
    points = np.array([corner.pt for corner in found], np.float32) / np.float32(scale)
    return _Corners(points, looks)


def _lay_over(view: View, camera: Homography, shape: tuple[int, ...]) -> tuple[Image, Mask]:
    """The view as the frame's camera would see it, and where it shows background."""
    size = (shape[1], shape[0])
    shown = cv2.warpPerspective(view.image, camera, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    background = np.where(view.mask, np.uint8(0), np.uint8(255))
    background[[0, -1]], background[:, [0, -1]] = 0, 0
    known = cv2.warpPerspective(background, camera, size, flags=cv2.INTER_LINEAR) > 0.99 * 255
    return shown, known


def _compare(image: Image, shown: Image, both: Mask) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """For every pixel, by the pixels around it that both show: by how much the color is off, and the difference.

    That is what is left when the colors agree, and by how much they are more off here than everywhere: light changes
    all of a picture.
    """
    size = both.shape[::-1]
    scale = min(1.0, _COMPARED_SIDE / max(size))
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    weight = cv2.resize(both.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    off = cv2.subtract(image, shown, mask=both.astype(np.uint8), dtype=cv2.CV_32F)
    off = cv2.resize(off, small, interpolation=cv2.INTER_AREA)
    color_shift = _around(off, weight)
    left = np.abs(off - color_shift * weight[..., None]).mean(axis=-1, keepdims=True)
    everywhere = off.sum(axis=(0, 1)) / max(1e-6, float(weight.sum()))
    difference = _around(left, weight)[..., 0] + np.abs(color_shift - everywhere).mean(axis=-1)
    return cv2.resize(color_shift, size), cv2.resize(difference, size)


def _around(values: npt.NDArray[np.float32], weight: Plane) -> npt.NDArray[np.float32]:
    """The weighted mean around every pixel: of the nearest reach that has enough weight, of the whole if none has."""
    total = np.maximum(weight.sum(), 1e-6)
    mean = np.broadcast_to(values.sum(axis=(0, 1)) / total, values.shape).astype(np.float32)
    for reach in reversed(_REACHES):
        sigma = reach * max(weight.shape)
        density = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
        near = cv2.GaussianBlur(values, (0, 0), sigma).reshape(values.shape) / np.maximum(density, 1e-6)
        trust = np.minimum(density / _ENOUGH, 1)
        mean = trust * near + (1 - trust) * mean
    return mean.astype(np.float32)
