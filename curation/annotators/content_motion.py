"""What moves in a clip though the camera does not, and what never moves: the input of the small content filter.

A.1 defines its classes by movement that is left once the camera's own is taken away: a still image has none, slight
motion has little, a desirable clip has much; and by things laid over a picture, which stand still whatever it does. A
network of a few megabytes does not learn to register frames by itself, so they are registered here, and it is shown the
result.
"""

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Video

Grey = npt.NDArray[np.uint8]  # (height, width)
Affine = npt.NDArray[np.float64]  # (2, 3), maps points of one frame to another

_MAX_POINTS = 160
_MIN_POINTS = 6
_MAX_ERROR_PX = 1.5
_BLUR_SIGMA = 0.8


def motion_channels(video: Video) -> Video:
    """Show each frame with what moves in it and what never moves.

    Channel 0 is the grey level. Channel 1 is the residual: how far the frame differs from the one before it after an
    affine map has taken that one to this camera position; 0 where the older frame does not reach; the first frame is
    compared with the second. Channel 2 is the same in every frame: `lasting_edges`, which a moving camera wipes out, and
    of which the borders of insets, captions and the whole of a computer's screen consist. Both are drawn on a
    square-root scale, on which faint values remain visible.
    """
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video]
    smooth = [cv2.GaussianBlur(grey, (0, 0), _BLUR_SIGMA) for grey in greys]
    lasting = _square_root_scale(lasting_edges(np.stack(greys)))
    channels = []
    for index, grey in enumerate(greys):
        older = abs(index - 1)
        residual = _residual(greys[older], grey, smooth[older], smooth[index])
        channels.append(np.dstack([grey, _square_root_scale(residual), lasting]))
    return np.stack(channels)


def lasting_edges(greys: npt.NDArray[np.uint8]) -> Grey:
    """Per pixel, the smallest step to the next pixel below or to the right in any of the frames (frames, height, width).

    Of the two directions the larger counts; the last row and column have only one.
    """
    levels = greys.astype(np.int16)
    edges = np.zeros(greys.shape[1:], np.uint8)
    edges[:-1] = np.abs(np.diff(levels, axis=1)).min(axis=0)
    edges[:, :-1] = np.maximum(edges[:, :-1], np.abs(np.diff(levels, axis=2)).min(axis=0))
    return edges


def camera_map(older: Grey, newer: Grey) -> Affine | None:
    """The affine map that takes most of the older frame to the newer one; None where too little can be followed."""
    corners = cv2.goodFeaturesToTrack(older, _MAX_POINTS, 0.01, 4)
    if corners is None or len(corners) < _MIN_POINTS:
        return None
    (shift_x, shift_y), _ = cv2.phaseCorrelate(
        older.astype(np.float64), newer.astype(np.float64), cv2.createHanningWindow(older.shape[::-1], cv2.CV_64F)
    )
    guess = corners + np.array([shift_x, shift_y], np.float32)
    flags = cv2.OPTFLOW_USE_INITIAL_FLOW
    followed, is_found, _ = cv2.calcOpticalFlowPyrLK(older, newer, corners, guess, winSize=(13, 13), flags=flags)
    is_found = is_found.ravel().astype(bool)
    if is_found.sum() < _MIN_POINTS:
        return None
    found, _ = cv2.estimateAffine2D(
        corners[is_found], followed[is_found], method=cv2.RANSAC, ransacReprojThreshold=_MAX_ERROR_PX, maxIters=300
    )
    return None if found is None else np.asarray(found, np.float64)


def _residual(older: Grey, newer: Grey, smooth_older: Grey, smooth_newer: Grey) -> Grey:
    """What the camera does not explain. A map that explains less than standing still does is not believed."""
    difference: Grey = np.asarray(cv2.absdiff(smooth_newer, smooth_older), np.uint8)
    to_newer = camera_map(older, newer)
    if to_newer is None:
        return difference
    height, width = newer.shape
    moved = cv2.warpAffine(smooth_older, to_newer, (width, height), flags=cv2.INTER_LINEAR)
    reached = cv2.warpAffine(np.full_like(older, 255), to_newer, (width, height), flags=cv2.INTER_LINEAR) == 255
    residual: Grey = np.where(reached, cv2.absdiff(smooth_newer, moved), 0).astype(np.uint8)
    if reached.mean() < 0.25 or residual[reached].mean() > difference[reached].mean():
        return difference
    return residual


def _square_root_scale(change: Grey) -> Grey:
    return np.asarray(np.sqrt(change.astype(np.float32) * 255), np.uint8)
