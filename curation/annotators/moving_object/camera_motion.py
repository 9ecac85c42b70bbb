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
_FIT_ROUNDS: Final = 8

# Pixels this close to the neighbour's border have no reliable flow.
_MARGIN_PX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlignedNeighbour:
    """A neighbouring frame as it would look from the centre frame's camera, if nothing but the camera moved.

    Attributes:
        image: the neighbour, warped onto the centre frame.
        visible: pixels that the neighbour really shows.
        motion: flow that is left after the camera's, pixels (height, width, 2).
        offset_s: the neighbour's time minus the centre's.
        camera_fit: share of tracked border corners that the camera model explains, along the way to this neighbour.
    """

    image: Image
    visible: Mask
    motion: npt.NDArray[np.float32]
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
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(21, 21), maxLevel=4)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(after, before, moved, None, winSize=(21, 21), maxLevel=4)
    miss = np.linalg.norm(back - corners, axis=-1)
    good = ((found > 0) & (found_back > 0) & (miss < _ROUND_TRIP_PX))[:, 0]
    corners, moved = corners[good, 0], moved[good, 0]
    if len(corners) < _MIN_CORNERS:
        return None
    height, width = before.shape
    x, y = corners[:, 0] / width, corners[:, 1] / height
    at_border = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) < _BORDER
    if at_border.sum() >= _MIN_BORDER_CORNERS:
        step = _fit_homography(corners[at_border], moved[at_border])
        if step is not None and step[1] >= _MIN_BORDER_INLIERS:
            return step
    return _fit_homography(corners, moved)


def _fit_homography(start: npt.NDArray[Any], end: npt.NDArray[Any]) -> tuple[Homography, float] | None:
    cv2.setRNGSeed(0)
    homography, inliers = cv2.findHomography(start, end, cv2.USAC_MAGSAC, 1.0, maxIters=2000, confidence=0.999)
    return None if homography is None else (homography, float(inliers.mean()))


def _align(
    centre: Image, neighbour: Image, colors: Image, camera: Homography, flow: cv2.DISOpticalFlow
) -> tuple[npt.NDArray[np.float32], Image, Mask]:
    """Motion left over, the warped neighbour, and where it is visible."""
    height, width = centre.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    map_x, map_y = _project(camera, x, y)
    warped = cv2.remap(neighbour, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    motion = flow.calc(centre, warped, None)
    drift = _background_drift(motion, _inside(map_x, map_y))
    map_x, map_y = _project(camera, x + drift[..., 0], y + drift[..., 1])
    image = cv2.remap(colors, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return motion - drift, image, _inside(map_x, map_y)


def _project(camera: Homography, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    depth = camera[2, 0] * x + camera[2, 1] * y + camera[2, 2]
    map_x = (camera[0, 0] * x + camera[0, 1] * y + camera[0, 2]) / depth
    map_y = (camera[1, 0] * x + camera[1, 1] * y + camera[1, 2]) / depth
    return map_x.astype(np.float32), map_y.astype(np.float32)


def _inside(map_x: Plane, map_y: Plane) -> Mask:
    height, width = map_x.shape
    across = (map_x > _MARGIN_PX) & (map_x < width - 1 - _MARGIN_PX)
    inside: Mask = across & (map_y > _MARGIN_PX) & (map_y < height - 1 - _MARGIN_PX)
    return inside


def _background_drift(motion: npt.NDArray[np.float32], visible: Mask) -> npt.NDArray[np.float32]:
    """What the homography missed of the background's motion: a smooth field fitted to most of the flow.

    Our choice: a polynomial, quadratic across and cubic down the frame. A scene is not a plane, and depth mostly
    changes from the bottom of a picture to its top.
    """
    height, width = visible.shape
    half = _FIT_STEP_PX // 2
    basis = _polynomial(height, width)
    coarse = basis[half::_FIT_STEP_PX, half::_FIT_STEP_PX].reshape(-1, basis.shape[-1]).astype(np.float64)
    target = motion[half::_FIT_STEP_PX, half::_FIT_STEP_PX].reshape(-1, 2)
    seen = visible[half::_FIT_STEP_PX, half::_FIT_STEP_PX].ravel()
    coefficients = np.zeros((basis.shape[-1], 2))
    if not seen.any():
        return np.zeros_like(motion)
    trust = np.where(np.abs(coarse[:, 1:3]).max(axis=1) > 1 - 2 * _BORDER, 1.0, 0.5) * seen
    for _ in range(_FIT_ROUNDS):
        miss = np.linalg.norm(target - coarse @ coefficients, axis=1)
        scale = max(1.5 * float(np.median(miss[seen])), 0.3)
        weighted = coarse * (trust / (1 + (miss / scale) ** 2) ** 2)[:, None]
        ridge = 1e-3 * np.eye(len(coefficients))
        coefficients = np.linalg.solve(coarse.T @ weighted + ridge, weighted.T @ target)
    return basis @ coefficients.astype(np.float32)


@lru_cache(maxsize=2)
def _polynomial(height: int, width: int) -> npt.NDArray[np.float32]:
    """1, x, y, x^2, xy, y^2, y^3 at every pixel, with x and y in [-1, 1]."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = 2 * x / width - 1, 2 * y / height - 1
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, y**3], axis=-1)
