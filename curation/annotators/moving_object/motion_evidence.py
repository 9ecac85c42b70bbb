"""How strongly every pixel of a frame says "I do not move with the camera"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from curation.annotators.moving_object.camera_motion import AlignedNeighbour, Plane, align_neighbours
from curation.records import Image, ReferenceFrame
from curation.video.sampling import NEIGHBOUR_LONG_SIDE, NEIGHBOUR_STEP_S

# Grey levels that sensor noise and compression may change, and how many pixels a background pixel may be misplaced.
_NOISE_LEVELS: Final = 6.0
_MISPLACED_PX: Final = 0.7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionEvidence:
    """Two views of what does not move with the camera; flow fills flat surfaces but bleeds, color is exact but sparse.

    Attributes:
        image: the frame at the size of the evidence.
        speed: motion relative to the background, pixels of a frame of NEIGHBOUR_LONG_SIDE per NEIGHBOUR_STEP_S.
        contradiction: how much the aligned neighbours' colors differ from this frame's, as a multiple of what noise
            and half a pixel of misplacement explain.
        camera_fit: share of the border's corners that the camera model explains, [0, 1].
    """

    image: Image
    speed: Plane
    contradiction: Plane
    camera_fit: float


def motion_evidence(frame: ReferenceFrame, *, long_side: int) -> MotionEvidence | None:
    """The evidence at a working size; None where the camera's motion cannot be estimated."""
    neighbours = align_neighbours(frame)
    if not neighbours:
        return None
    image = frame.neighbours[frame.centre]
    per_step = NEIGHBOUR_LONG_SIDE / max(image.shape[:2]) * NEIGHBOUR_STEP_S
    speeds = [np.linalg.norm(n.motion, axis=-1) * (per_step / abs(n.offset_s)) for n in neighbours]
    tolerance = _NOISE_LEVELS + _MISPLACED_PX * _gradient(image)
    contradictions = [_contradiction(n.image, image, tolerance) for n in neighbours]
    size = _working_size(image, long_side)
    return MotionEvidence(
        image=cv2.resize(image, size, interpolation=cv2.INTER_AREA),
        speed=cv2.resize(_on_both_sides(speeds, neighbours), size, interpolation=cv2.INTER_AREA),
        contradiction=cv2.resize(_on_both_sides(contradictions, neighbours), size, interpolation=cv2.INTER_AREA),
        camera_fit=min(n.camera_fit for n in neighbours),
    )


def no_motion(frame: ReferenceFrame, *, long_side: int) -> MotionEvidence:
    """What is known where the camera's motion cannot be estimated: how the frame looks."""
    size = _working_size(frame.neighbours[frame.centre], long_side)
    still = np.zeros(size[::-1], np.float32)
    picture = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    return MotionEvidence(image=picture, speed=still, contradiction=still, camera_fit=0.0)


def _working_size(image: Image, long_side: int) -> tuple[int, int]:
    """Width and height."""
    height, width = image.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    return round(width * scale), round(height * scale)


def _gradient(image: Image) -> Plane:
    """Grey levels per pixel, the largest within one pixel around."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    across = cv2.Sobel(gray, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(gray, cv2.CV_32F, 0, 1, scale=1 / 8)
    steepest: Plane = cv2.dilate(cv2.magnitude(across, down), np.ones((3, 3), np.uint8))
    return steepest


def _contradiction(aligned: Image, image: Image, tolerance: Plane) -> Plane:
    difference = cv2.absdiff(aligned, image).max(axis=-1)
    smoothed: Plane = cv2.blur(difference / tolerance, (5, 5))
    return smoothed


def _on_both_sides(planes: Sequence[npt.NDArray[np.floating]], neighbours: Sequence[AlignedNeighbour]) -> Plane:
    """The median over time, on whichever side of the frame in time it is smaller.

    Background that the object covers later or uncovered before disagrees on one side only; the object on both.
    """
    sides = []
    for side in (-1, 1):
        chosen = [
            np.where(n.visible, plane, np.nan)
            for plane, n in zip(planes, neighbours, strict=True)
            if np.sign(n.offset_s) == side
        ]
        if chosen:
            sides.append(_median_where_known(np.stack(chosen)))
    smaller: Plane = np.nan_to_num(np.fmin.reduce(sides)).astype(np.float32)
    return smaller


def _median_where_known(stack: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The median along the first axis that leaves NaN out, and is NaN where nothing else is."""
    ordered = np.sort(stack, axis=0)  # NaN last
    known = np.isfinite(stack).sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum(known - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(known // 2, len(stack) - 1)[None], axis=0)[0]
    median: npt.NDArray[np.floating] = (low + high) / 2
    return median
