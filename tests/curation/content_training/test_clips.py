"""The drawn clips are what A.1's definitions say: tested on how things move, which the classes are defined by."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.clips import generate_clip
from curation.records import Video
from worlds.filmed.camera import CameraPath, glide, hand_held, static_camera, wander
from worlds.filmed.desktop import film_screen_recording
from worlds.filmed.insets import Area, film_screen_in_screen, lay_over
from worlds.filmed.scenes import Layer, Poses, Scene, render
from worlds.filmed.subjects import Liveliness, draw_scene
from worlds.filmed.world import (
    film_desirable,
    film_picture,
    film_slight_motion,
    film_still_image,
    picture_to_frame,
    still_picture,
)

TIMES_S = np.linspace(0, 6, 16)
SIDE = 128

Film = Callable[[np.random.Generator, npt.NDArray[np.float64], int, int], Video]


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


def test_the_same_seed_and_index_give_the_same_clip() -> None:
    generate_clip(4, 2)
    one, two = generate_clip(4, 8), generate_clip(4, 8)

    np.testing.assert_array_equal(one.frames, two.frames)
    assert not np.array_equal(one.frames, generate_clip(5, 8).frames)
    assert not np.array_equal(one.frames, generate_clip(4, 13).frames)


def test_clips_look_as_the_filter_gets_them_and_labels_take_turns() -> None:
    clips = [generate_clip(0, index) for index in range(5)]

    assert [CONTENT_CLASSES[clip.label] for clip in clips] == list(CONTENT_CLASSES)
    assert {(clip.frames.shape, clip.frames.dtype.name) for clip in clips} == {((16, 224, 224, 3), "uint8")}


def test_a_filmed_picture_is_its_first_frame_warped_by_the_cameras_own_map() -> None:
    rng = np.random.default_rng(3)
    picture = still_picture(rng, 336, 336)
    camera = glide(rng, TIMES_S, distance=0.1, magnification=1.5)

    video = film_picture(picture, camera, SIDE, SIDE)

    to_frames = [picture_to_frame(camera, frame, (336, 336), (SIDE, SIDE)) for frame in (0, 15)]
    maps = [np.vstack([to_frame, (0, 0, 1)]) for to_frame in to_frames]
    warp = maps[1] @ np.linalg.inv(maps[0])
    expected = cv2.warpPerspective(video[0], warp, (SIDE, SIDE))
    reached = cv2.warpPerspective(np.full((SIDE, SIDE), 255, np.uint8), warp, (SIDE, SIDE)) == 255
    assert cv2.absdiff(video[0], video[15])[reached].mean() > 10
    assert cv2.absdiff(expected, video[15])[reached].mean() < 4


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


def test_an_inset_is_the_other_video_inside_and_the_first_outside() -> None:
    rng = np.random.default_rng(2)
    below, above = (rng.integers(0, 256, (16, size, size, 3), np.uint8) for size in (64, 24))
    for _ in range(20):
        video = below.copy()
        lay_over(rng, video, above, Area(left=10, top=30, height=24, width=24))

        centre = (slice(None), slice(38, 46), slice(18, 26))
        np.testing.assert_array_equal(video[centre], above[:, 8:16, 8:16])
        margin = 6  # of a border or a shadow
        np.testing.assert_array_equal(video[:, : 30 - margin], below[:, : 30 - margin])
        np.testing.assert_array_equal(video[:, :, 34 + margin :], below[:, :, 34 + margin :])


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


def test_a_frozen_scene_before_a_static_camera_is_one_photograph() -> None:
    scene = draw_scene(np.random.default_rng(1), TIMES_S, Liveliness(travel=0.5, swing=1, ripple=0.02), depth=0.5)

    alive = render(scene, static_camera(TIMES_S), 96, 96)
    frozen = render(scene.frozen(), static_camera(TIMES_S), 96, 96)

    assert (alive != alive[0]).any()
    assert (frozen == frozen[0]).all()


def test_near_layers_follow_the_camera_and_far_ones_lag_behind() -> None:
    def spot(nearness: float) -> Layer:
        rest = np.zeros(2)
        picture = np.full((9, 9, 4), 255, np.uint8)
        poses = Poses(x=rest, y=rest, angle=rest, scale=rest + 1)
        return Layer(picture=picture, width=0.1, poses=poses, nearness=nearness)

    camera = CameraPath(x=np.array([0.0, 0.2]), y=np.zeros(2), zoom=np.ones(2), roll=np.zeros(2))

    columns = []
    for nearness in (0.5, 1.0, 1.5):
        seen = render(Scene(layers=(spot(nearness),)), camera, 200, 200)
        columns.append([np.nonzero(frame[..., 0].sum(axis=0))[0].mean() for frame in seen])

    moved = [before - after for before, after in columns]
    assert moved == pytest.approx([20, 40, 60], abs=1)


@pytest.mark.parametrize("amplitude", [0.001, 0.02, 0.3])
def test_wandering_stays_within_its_amplitude(amplitude: float) -> None:
    paths = [wander(np.random.default_rng(seed), TIMES_S, amplitude) for seed in range(50)]

    assert 0.3 * amplitude < np.abs(paths).max() <= amplitude


def test_a_hand_shakes_and_a_glide_arrives() -> None:
    rng = np.random.default_rng(0)

    shaken = hand_held(rng, TIMES_S, 0.01)
    moved = glide(rng, TIMES_S, distance=0.3, magnification=1.4)

    assert 0 < np.abs(shaken.x).max() <= 0.01
    assert np.hypot(moved.x[-1] - moved.x[0], moved.y[-1] - moved.y[0]) == pytest.approx(0.3)
    assert moved.zoom[-1] / moved.zoom[0] == pytest.approx(1.4)
    assert (np.diff(moved.zoom) >= 0).all()
