"""Straight upright and level lines that stay where they are in the frame: what the edge of an overlaid picture leaves.

Screen in screen is a matter of layout (A.1): a picture lies over another one, and its edge stays in place whatever
moves on either side. At the size that a small network reads, such an edge is a fraction of a pixel wide; so it is
looked for at full size, and the network is shown where it was found. Doors and shelves before a resting camera have
such edges too: it is for the network to tell them apart by what moves around them.
"""

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Image, Video

Grey = npt.NDArray[np.uint8]  # (height, width)

# Our choice, by reason and not by search: a contrast of so many grey levels counts in full, so that length decides and
# not contrast; a line has about a seventh of the frame's side; it is there in all but one of five sampled frames, a
# third of the clip, so that a pop-up counts while it is shown and a passing edge does not.
_FULL_CONTRAST = 24
_LENGTH = 1 / 7
_FRAMES_EACH_SIDE = 2


def lasting_lines(video: Video, side: int) -> npt.NDArray[np.uint8]:
    """Per frame a picture (frames, side, side) of the lines around that moment, 0 for none, 255 for a full one."""
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video]
    upright = np.stack([_contrast(grey, axis=1) for grey in greys])
    level = np.stack([_contrast(grey, axis=0) for grey in greys])
    length = max(3, int(video.shape[1] * _LENGTH) | 1)
    shown = np.zeros((len(video), side, side), np.uint8)
    for index in range(len(video)):
        around = slice(max(0, index - _FRAMES_EACH_SIDE), index + _FRAMES_EACH_SIDE + 1)
        lines = cv2.max(
            _straight(_lasting(upright[around]), length, 1),
            _straight(_lasting(level[around]), 1, length),
        )
        thick = cv2.dilate(lines, np.ones((3, 3), np.uint8))
        shown[index] = cv2.resize(thick, (side, side), interpolation=cv2.INTER_AREA)
    return shown


def _contrast(grey: Grey, *, axis: int) -> Grey:
    """How much neighbours on either side of a pixel differ along an axis, at most _FULL_CONTRAST."""
    step = (0, 1) if axis == 1 else (1, 0)
    kernel = np.zeros((3, 3), np.float32)
    kernel[1 - step[0], 1 - step[1]], kernel[1 + step[0], 1 + step[1]] = -1, 1
    change = np.abs(cv2.filter2D(grey, cv2.CV_16S, kernel, borderType=cv2.BORDER_REPLICATE))
    return np.asarray(np.minimum(change, _FULL_CONTRAST), np.uint8)


def _lasting(contrast: npt.NDArray[np.uint8]) -> Grey:
    """The contrast that all frames but one have: the second smallest."""
    least = second = np.full(contrast.shape[1:], 255, np.uint8)
    for frame in contrast:
        least, second = cv2.min(least, frame), cv2.min(second, cv2.max(least, frame))
    return np.asarray(second, np.uint8)


def _straight(contrast: Grey, height: int, width: int) -> Image:
    """How much of a line of this height and width through each pixel has contrast, beyond what its surroundings have.

    What grass or gravel has everywhere is no line.
    """
    scaled = contrast.astype(np.float32) * (255 / _FULL_CONTRAST)
    along = cv2.blur(scaled, (width, height))
    length = max(height, width)
    around = cv2.blur(scaled, (length, length))
    return np.asarray(np.clip(along - around, 0, 255), np.uint8)
