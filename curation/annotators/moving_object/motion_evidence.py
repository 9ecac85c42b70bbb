"""How strongly every pixel of a frame says "I do not move with the camera"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from curation.annotators.moving_object.camera_motion import AlignedNeighbour, Plane, align_neighbours
from curation.records import Image, Mask, ReferenceFrame
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
    speeds = [cv2.magnitude(*cv2.split(n.motion)) * (per_step / abs(n.offset_s)) for n in neighbours]
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
    red, green, blue = cv2.split(cv2.absdiff(aligned, image))
    smoothed: Plane = cv2.blur(cv2.max(cv2.max(red, green), blue) / tolerance, (5, 5))
    return smoothed


def _on_both_sides(planes: Sequence[Plane], neighbours: Sequence[AlignedNeighbour]) -> Plane:
    """The median over time, on whichever side of the frame in time it is smaller.

    Background that the object covers later or uncovered before disagrees on one side only; the object on both.
    """
    sides = []
    for side in (-1, 1):
        chosen = [(plane, n.visible) for plane, n in zip(planes, neighbours, strict=True) if n.offset_s * side > 0]
        if chosen:
            sides.append(_median_where_known(*zip(*chosen, strict=True)))
    smaller = np.minimum.reduce(sides)
    return np.where(np.isfinite(smaller), smaller, np.float32(0))


def _median_where_known(planes: Sequence[Plane], known: Sequence[Mask]) -> Plane:
    """The median of the planes, each where it is known; infinite where none is.

    They are few, so whole planes are exchanged until all pixels are in order: a sixth of sorting every pixel's values.
    """
    ordered = [np.where(k, plane, np.float32(np.inf)) for plane, k in zip(planes, known, strict=True)]
    for end in range(len(ordered) - 1, 0, -1):
        for at in range(end):
            lesser, greater = np.minimum(ordered[at], ordered[at + 1]), np.maximum(ordered[at], ordered[at + 1])
            ordered[at], ordered[at + 1] = lesser, greater
    count = np.sum(known, axis=0, dtype=np.uint8)
    median = ordered[0]
    for number in range(2, len(ordered) + 1):
        middle = (ordered[(number - 1) // 2] + ordered[number // 2]) / 2
        median = np.where(count == number, middle, median)
    return median
