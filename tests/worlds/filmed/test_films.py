"""The films are what A.1's definitions say: tested on how things move, which the classes are defined by."""

from collections.abc import Callable

import cv2
import numpy as np

from worlds.arrays import PerFrame, Video
from worlds.chances import Rng
from worlds.filmed import (
    film_desirable,
    film_screen_in_screen,
    film_screen_recording,
    film_slight_motion,
    film_still_image,
)

TIMES_S = np.linspace(0, 6, 16)
SIDE = 128

Film = Callable[[Rng, PerFrame, int, int], Video]


def film(make: Film, seed: int) -> Video:
    return make(np.random.default_rng(seed), TIMES_S, SIDE, SIDE)


def unexplained(video: Video) -> float:
    """Mean grey-level difference between the first and the sixth frame that no homography of the first removes."""
    first, last = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (video[0], video[5]))
    detector = cv2.SIFT.create(400)
    (keys_a, found_a), (keys_b, found_b) = (detector.detectAndCompute(grey, None) for grey in (first, last))
    plain = float(cv2.absdiff(first, last).mean())
    if found_a is None or found_b is None:
        return plain
    matches = cv2.BFMatcher(crossCheck=True).match(found_a, found_b)
    if len(matches) < 8:
        return plain
    source = np.array([keys_a[match.queryIdx].pt for match in matches], np.float32)
    target = np.array([keys_b[match.trainIdx].pt for match in matches], np.float32)
    warp, _ = cv2.findHomography(source, target, cv2.RANSAC, 1.5)
    if warp is None:
        return plain
    moved = cv2.warpPerspective(first, warp, (SIDE, SIDE))
    reached = cv2.warpPerspective(np.full_like(first, 255), warp, (SIDE, SIDE)) == 255
    return min(plain, float(cv2.absdiff(moved, last)[reached].mean())) if reached.mean() > 0.2 else plain


def largest_flow(video: Video) -> float:
    """The 99th percentile of dense optical flow between first and last frame, in frame widths."""
    first, last = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (video[0], video[-1]))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, last, None)
    return float(np.percentile(np.linalg.norm(flow, axis=2), 99)) / SIDE


def unchanged_share(video: Video) -> float:
    """Share of pixels that a frame has in common with the frame before."""
    return float((video[1:] == video[:-1]).all(axis=-1).mean())


def test_still_images_are_explained_by_one_plane_and_desirable_clips_are_not() -> None:
    still = [unexplained(film(film_still_image, seed)) for seed in range(10)]
    desirable = [unexplained(film(film_desirable, seed)) for seed in range(10)]

    assert np.median(still) < 2
    assert np.median(desirable) > 2 * np.median(still)


def test_slight_motion_moves_hardly_at_all_and_desirable_clips_do() -> None:
    slight = [largest_flow(film(film_slight_motion, seed)) for seed in range(10)]
    desirable = [largest_flow(film(film_desirable, seed)) for seed in range(10)]

    assert np.median(slight) < 0.03
    assert np.median(desirable) > 3 * np.median(slight)


def test_a_screen_hardly_changes_where_footage_changes_everywhere() -> None:
    screens = [unchanged_share(film(film_screen_recording, seed)) for seed in range(10)]
    footage = [unchanged_share(film(film_desirable, seed)) for seed in range(10)]

    assert np.median(screens) > 0.9
    assert np.median(footage) < 0.6


def test_screens_in_screens_have_edges_that_stand_still_while_their_pictures_move() -> None:
    def straight_edges(video: Video) -> float:
        """The strongest row or column of grey-level steps that lasts through the clip, against the mean one."""
        greys = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video]).astype(float)
        lasting = [np.abs(np.diff(greys, axis=axis)).min(axis=0) for axis in (1, 2)]
        profiles = [lasting[0].mean(axis=1), lasting[1].mean(axis=0)]
        return float(max(profile.max() / (profile.mean() + 0.5) for profile in profiles))

    inset = [straight_edges(film(film_screen_in_screen, seed)) for seed in range(10)]
    plain = [straight_edges(film(film_desirable, seed)) for seed in range(10)]

    assert np.median(inset) > 2 * np.median(plain)
