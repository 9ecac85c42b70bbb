"""Where every background pixel of a frame lies in the frames around it: the camera's motion, estimated and removed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Image, Mask, ReferenceFrame

Plane = npt.NDArray[np.float32]  # (height, width)
Vectors = npt.NDArray[np.float32]  # (height, width, 2): x and y
Homography = npt.NDArray[np.float64]  # (3, 3)

# Corners to track, and how far a point tracked there and back may miss its start to count.
_MAX_CORNERS: Final = 600
_MIN_CORNERS: Final = 12
_ROUND_TRIP_PX: Final = 1.0

# Our choice: the outer fifth of the frame votes on the camera first, because what a clip shows is mostly framed in the
# middle and what surrounds it mostly reaches the border; the whole frame votes where the border is too poor.
_BORDER: Final = 0.2
_MIN_BORDER_CORNERS: Final = 30
_MIN_BORDER_INLIERS: Final = 0.4

# The polynomial is fitted on every eighth pixel, by this many rounds of reweighting.
_FIT_STEP_PX: Final = 8
_FIT_FROM: Final = _FIT_STEP_PX // 2
_FIT_ROUNDS: Final = 8

# Pixels this close to the neighbour's border have no reliable flow.
_MARGIN_PX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlignedNeighbour:
    """A neighbouring frame as it would look from the centre frame's camera, if nothing but the camera moved.

    Attributes:
        image: the neighbour, warped onto the centre frame.
        visible: pixels that the neighbour really shows.
        motion: flow that is left after the camera's, pixels.
        offset_s: the neighbour's time minus the centre's.
        camera_fit: share of tracked border corners that the camera model explains, along the way to this neighbour.
    """

    image: Image
    visible: Mask
    motion: Vectors
    offset_s: float
    camera_fit: float


def align_neighbours(frame: ReferenceFrame) -> list[AlignedNeighbour]:
    """Align every neighbour that can be aligned; none in a scene without corners to hold on to."""
    grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in frame.neighbours]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    aligned = []
    for index, camera, fit in _cameras(grays, frame.centre):
        motion, image, visible = _align(grays[frame.centre], grays[index], frame.neighbours[index], camera, flow)
        offset_s = frame.neighbour_times_s[index] - frame.neighbour_times_s[frame.centre]
        if offset_s and visible.any():
            aligned.append(
                AlignedNeighbour(image=image, visible=visible, motion=motion, offset_s=offset_s, camera_fit=fit)
            )
    return aligned


def _cameras(grays: list[Image], centre: int) -> Iterator[tuple[int, Homography, float]]:
    """For each neighbour: its index, the homography from the centre to it, and the worst fit on the way there.

    Chained from one frame to the next, because corners can be tracked over a twelfth of a second and not over a third.
    """
    for direction in (1, -1):
        camera, fit = np.eye(3), 1.0
        index = centre
        while 0 <= index + direction < len(grays):
            step = _camera_step(grays[index], grays[index + direction])
            if step is None:
                break
            camera, fit = step[0] @ camera, min(fit, step[1])
            index += direction
            yield index, camera, fit


def _camera_step(before: Image, after: Image) -> tuple[Homography, float] | None:
    """The homography that most border corners follow, and their share; None without enough corners."""
    corners = cv2.goodFeaturesToTrack(before, _MAX_CORNERS, qualityLevel=0.003, minDistance=7, blockSize=5)
    if corners is None:
        return None
    height, width = before.shape
    x, y = corners[:, 0, 0] / width, corners[:, 0, 1] / height
    at_border = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) < _BORDER
    moved, good = np.empty_like(corners), np.zeros(len(corners), np.bool_)
    moved[at_border], good[at_border] = _track(before, after, corners[at_border])
    if good.sum() >= _MIN_BORDER_CORNERS:
        step = _fit_homography(corners[good, 0], moved[good, 0])
        if step is not None and step[1] >= _MIN_BORDER_INLIERS:
            return step
    moved[~at_border], good[~at_border] = _track(before, after, corners[~at_border])
    return _fit_homography(corners[good, 0], moved[good, 0]) if good.sum() >= _MIN_CORNERS else None


def _track(before: Image, after: Image, corners: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Mask]:
    """Where the corners went, and which of them are found again on the way back."""
    if not len(corners):
        return corners, np.zeros(0, np.bool_)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(21, 21), maxLevel=4)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(after, before, moved, None, winSize=(21, 21), maxLevel=4)
    miss = np.linalg.norm(back - corners, axis=-1)
    return moved, ((found > 0) & (found_back > 0) & (miss < _ROUND_TRIP_PX))[:, 0]


def _fit_homography(start: npt.NDArray[Any], end: npt.NDArray[Any]) -> tuple[Homography, float] | None:
    cv2.setRNGSeed(0)
    homography, inliers = cv2.findHomography(start, end, cv2.USAC_MAGSAC, 1.0, maxIters=2000, confidence=0.999)
    return None if homography is None else (homography, float(inliers.mean()))


def _align(
    centre: Image, neighbour: Image, colors: Image, camera: Homography, flow: cv2.DISOpticalFlow
) -> tuple[Vectors, Image, Mask]:
    """Motion left over, the warped neighbour, and where it is visible."""
    pixels = _pixels(*centre.shape)
    places: Vectors = cv2.perspectiveTransform(pixels, camera)
    warped = cv2.remap(neighbour, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    motion = flow.calc(centre, warped, None)
    drift = _background_drift(motion, _inside(places))
    places = cv2.perspectiveTransform(pixels + drift, camera)
    image = cv2.remap(colors, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return motion - drift, image, _inside(places)


def _inside(places: Vectors) -> Mask:
    height, width = places.shape[:2]
    least = float(np.nextafter(np.float32(_MARGIN_PX), np.float32(np.inf)))  # both ends count
    most = [float(np.nextafter(np.float32(side - 1 - _MARGIN_PX), np.float32(0))) for side in (width, height)]
    inside: Mask = cv2.inRange(places, (least, least), tuple(most)) > 0
    return inside


def _background_drift(motion: Vectors, visible: Mask) -> Vectors:
    """What the homography missed of the background's motion: a smooth field fitted to most of the flow.

    Our choice: a polynomial, quadratic across and cubic down the frame. A scene is not a plane, and depth mostly
    changes from the bottom of a picture to its top.
    """
    coarse, at_border = _coarse_polynomial(*visible.shape)
    target = motion[_FIT_FROM::_FIT_STEP_PX, _FIT_FROM::_FIT_STEP_PX].reshape(-1, 2)
    seen = visible[_FIT_FROM::_FIT_STEP_PX, _FIT_FROM::_FIT_STEP_PX].ravel()
    coefficients = np.zeros((coarse.shape[-1], 2))
    if not seen.any():
        return np.zeros_like(motion)
    trust = np.where(at_border, 1.0, 0.5) * seen
    ridge = 1e-3 * np.eye(len(coefficients))
    for _ in range(_FIT_ROUNDS):
        miss = np.square(target - coarse @ coefficients).sum(axis=1)
        scale = max(2.25 * float(np.median(miss[seen])), 0.09)
        weighted = coarse * (trust / (1 + miss / scale) ** 2)[:, None]
        coefficients = np.linalg.solve(coarse.T @ weighted + ridge, weighted.T @ target)
    return _evaluate(coefficients.astype(np.float32), *visible.shape)


def _evaluate(coefficients: npt.NDArray[np.float32], height: int, width: int) -> Vectors:
    """The polynomial at every pixel: quadratic across, with coefficients that are cubic down."""
    one, x, y, xx, xy, yy, yyy = coefficients
    down = ((2 * np.arange(height) / height - 1)[:, None]).astype(np.float32)
    across = (2 * np.arange(width) / width - 1).astype(np.float32)
    rows = np.stack([one + down * (y + down * (yy + down * yyy)), x + down * xy, np.broadcast_to(xx, (height, 2))], 1)
    field: Vectors = np.stack([np.ones_like(across), across, across * across], axis=-1) @ rows
    return field


@lru_cache(maxsize=2)
def _pixels(height: int, width: int) -> Vectors:
    """The place (x, y) of every pixel."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


@lru_cache(maxsize=2)
def _coarse_polynomial(height: int, width: int) -> tuple[npt.NDArray[np.float64], Mask]:
    """1, x, y, x^2, xy, y^2, y^3 at the pixels that are fitted, with x and y in [-1, 1]; which are at the border."""
    rows, columns = np.mgrid[_FIT_FROM:height:_FIT_STEP_PX, _FIT_FROM:width:_FIT_STEP_PX].reshape(2, -1)
    x, y = 2 * columns.astype(np.float32) / width - 1, 2 * rows.astype(np.float32) / height - 1
    at_border: Mask = np.maximum(np.abs(x), np.abs(y)) > 1 - 2 * _BORDER
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, y**3], axis=-1)
    return terms.astype(np.float64), at_border
