"""Drawings that a detector of photographs knows, with the box that they fill."""

from typing import NamedTuple

import cv2
import numpy as np

from curation.records import Image
from tests.curation.moving_scenes import texture

Box = tuple[float, float, float, float]


class Drawn(NamedTuple):
    """A picture, and where in it the only object is."""

    image: Image
    box: Box


def stop_sign(height: int, width: int, *, center: tuple[int, int] | None = None, radius: int | None = None) -> Drawn:
    """A red octagon with a white rim and its word, over a texture; a third from the left if nothing else is said."""
    wall = texture(height, width, (150, 170, 190), seed=3)
    image = wall.copy()
    x, y = center or (width // 3, height // 2)
    size = radius or int(min(height, width) * 0.3)
    angles = np.pi / 8 + np.arange(8) * np.pi / 4
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for share, color in ((1.0, (255, 255, 255)), (0.92, (190, 20, 30))):
        cv2.fillPoly(image, [(corners * share * size + [x, y]).astype(int)], color, cv2.LINE_AA)
    scale, thickness = size / 42, max(1, size // 12)
    (wide, high), _ = cv2.getTextSize("STOP", cv2.FONT_HERSHEY_DUPLEX, scale, thickness)
    at = (int(x - wide / 2), int(y + high / 2))
    cv2.putText(image, "STOP", at, cv2.FONT_HERSHEY_DUPLEX, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return Drawn(image, _box_of_change(wall, image))


def clock(height: int, width: int) -> Drawn:
    """A white dial with marks and two hands, a third from the left."""
    wall = texture(height, width, (150, 170, 190), seed=3)
    image = wall.copy()
    x, y, size = width // 3, height // 2, int(min(height, width) * 0.3)
    black = (20, 20, 20)

    def point(share: float, angle: float) -> tuple[int, int]:
        return int(x + share * size * np.sin(angle)), int(y - share * size * np.cos(angle))

    cv2.circle(image, (x, y), size, (245, 245, 240), -1, cv2.LINE_AA)
    cv2.circle(image, (x, y), size, black, size // 14, cv2.LINE_AA)
    for hour in range(12):
        angle = np.pi * hour / 6
        cv2.line(image, point(0.82, angle), point(0.92, angle), black, size // 20, cv2.LINE_AA)
    cv2.line(image, (x, y), point(0.55, 1.2), black, size // 12, cv2.LINE_AA)
    cv2.line(image, (x, y), point(0.75, -0.1), black, size // 16, cv2.LINE_AA)
    return Drawn(image, _box_of_change(wall, image))


def _box_of_change(before: Image, after: Image) -> Box:
    rows, columns = np.nonzero((before != after).any(axis=-1))
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


def iou(one: Box, other: Box) -> float:
    """How much two boxes share of what they cover together."""
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (one, other))
    return width * height / (areas - width * height)
