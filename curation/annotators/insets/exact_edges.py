"""Whether a border stands at the same pixel, dead straight, in full-size frames of different times."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.annotators.insets.borders import LEVELS, steps_between_columns
from curation.annotators.insets.rectangles import Box
from curation.records import Image
from curation.video.sampling import CONTENT_SIDE

_Profiles = npt.NDArray[np.float64]  # (1 + _PARTS, edges)

# Corners may be round: an eighth of a side at either end is not looked at.
_CORNER: Final = 0.12
# The content frames say where a border is to a pixel and a half of theirs; as much again is compared with it.
_DOUBT: Final = 1.5
_REACH: Final = 6
# A side must stand out as a whole, and in all but one of so many parts of its length: a round thing touches it in the
# middle only.
_PARTS: Final = 4


def exactness(images: Sequence[Image], box: Box) -> float:
    """How clear the worst side of a rectangle is, at one and the same pixel in all of the images.

    Args:
        images: of one size.
        box: in pixels of the content frames; its sides on the frame's border are not looked at.

    Returns:
        Log of the ratio of the step across the side to the steps beside it: 0 where there is no border.
    """
    turned = [image.transpose(1, 0, 2) for image in images]
    x0, y0, x1, y1 = box
    sides = [(images, x0, y0, y1), (images, x1, y0, y1), (turned, y0, x0, x1), (turned, y1, x0, x1)]
    return min(_exactness(*side) for side in sides if 0 < side[1] < CONTENT_SIDE)


def _exactness(images: Sequence[Image], column: int, first: int, last: int) -> float:
    """Of the side that lies before a column, between two rows; all in pixels of the content frames."""
    height, width = images[0].shape[:2]
    scale_x, scale_y = width / CONTENT_SIDE, height / CONTENT_SIDE
    corner = _CORNER * (last - first)
    top = int((first + corner) * scale_y)
    bottom = max(int((last - corner) * scale_y), top + 4)
    reach, doubt = math.ceil(_REACH * scale_x), _DOUBT * scale_x + 1
    left = max(0, int(column * scale_x - doubt) - reach)
    right = min(width, int(column * scale_x + doubt) + reach + 2)
    profiles = [_profiles(image[top:bottom, left:right]) for image in images]
    first_edge = max(2, int(column * scale_x - doubt) - left)
    return max(
        min(_clearness(profile, edge, reach) for profile in profiles)
        for edge in range(first_edge, min(right - left - 4, first_edge + int(2 * doubt) + 1))
    )


def _profiles(strip: Image) -> _Profiles:
    """The steps between columns, of the whole strip and part by part of its height."""
    steps = steps_between_columns(strip)
    return np.stack([part.mean(axis=0) for part in (steps, *np.array_split(steps, _PARTS))])


def _clearness(profiles: _Profiles, edge: int, reach: int) -> float:
    """Of two neighbouring edges, as scaled and coded video has them, against the usual one on either side.

    The median, because a border with a line of its own, or a line of the scene beside it, is no weaker for that.
    """
    before, after = profiles[:, max(0, edge - reach) : edge - 1], profiles[:, edge + 3 : edge + 3 + reach]
    around = np.maximum(np.median(before, axis=1), np.median(after, axis=1))
    clearness = np.log((profiles[:, edge : edge + 2].mean(axis=1) + LEVELS) / (around + LEVELS))
    return float(min(clearness[0], np.sort(clearness[1:])[1]))
