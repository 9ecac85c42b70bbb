"""What in a clip is not explained by the camera: the input that makes the classes of A.1 visible to a small network.

Three of A.1's definitions speak of movement once the camera's own is taken away: a still image has none left, slight
motion has little of either, a desirable clip has much left. A network of a few megabytes does not learn to register
frames by itself, so they are registered here, and it is shown the result.
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
    """Show each frame with what changed since the frame before, and what the camera does not explain of it.

    Channel 0 is the grey level. Channel 1 is the residual: how far the frame differs from the one before it after an
    affine map has taken that one to this camera position; 0 where the older frame does not reach. Channel 2 is the
    difference without the map. Differences are drawn on a square-root scale, on which faint ones remain visible. The
    first frame is compared with the second.
    """
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video]
    smooth = [cv2.GaussianBlur(grey, (0, 0), _BLUR_SIGMA) for grey in greys]
    channels = []
    for index, grey in enumerate(greys):
        older = abs(index - 1)
        residual, difference = _changes(greys[older], grey, smooth[older], smooth[index])
        channels.append(np.dstack([grey, _square_root_scale(residual), _square_root_scale(difference)]))
    return np.stack(channels)


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


def _changes(older: Grey, newer: Grey, smooth_older: Grey, smooth_newer: Grey) -> tuple[Grey, Grey]:
    """The residual and the plain difference. A map that explains less than standing still does is not believed."""
    difference: Grey = np.asarray(cv2.absdiff(smooth_newer, smooth_older), np.uint8)
    to_newer = camera_map(older, newer)
    if to_newer is None:
        return difference, difference
    height, width = newer.shape
    moved = cv2.warpAffine(smooth_older, to_newer, (width, height), flags=cv2.INTER_LINEAR)
    reached = cv2.warpAffine(np.full_like(older, 255), to_newer, (width, height), flags=cv2.INTER_LINEAR) == 255
    residual: Grey = np.where(reached, cv2.absdiff(smooth_newer, moved), 0).astype(np.uint8)
    if reached.mean() < 0.25 or residual[reached].mean() > difference[reached].mean():
        return difference, difference
    return residual, difference


def _square_root_scale(change: Grey) -> Grey:
    return np.asarray(np.sqrt(change.astype(np.float32) * 255), np.uint8)
