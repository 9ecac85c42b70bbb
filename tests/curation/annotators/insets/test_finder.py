"""The laws of what is laid over a picture: it does not move with the camera, and it may change by itself."""

from collections.abc import Callable
from functools import cache
from typing import Final

import cv2
import numpy as np
import pytest

from benchmarks.inset_clips import frames_of
from curation.annotators.insets.finder import BorderedInsets, BorderedInsetsConfig
from curation.records import Image, Video
from tests.curation.moving_scenes import texture

HEIGHT: Final = 288
WIDTH: Final = 512
COUNT: Final = 32

WORLD: Final = texture(HEIGHT + 400, WIDTH + 800, (120, 130, 90), seed=1)
COAT: Final = texture(120, 120, (60, 60, 150), seed=4)
ROOM: Final = texture(400, 600, (180, 120, 110), seed=2)


def has_inset(video: Video) -> bool:
    (found,) = BorderedInsets().find([frames_of(video)])
    return found


def filmed(pan_px: float = 6.0) -> Video:
    """A world that a camera pans over, so many pixels a frame; with a camera's noise."""
    return _filmed(pan_px).copy()


@cache
def _filmed(pan_px: float) -> Video:
    noise = np.random.default_rng(3).integers(-3, 4, (COUNT, HEIGHT, WIDTH, 1), np.int8)
    shown = np.stack([_seen(WORLD, pan_px * frame, pan_px * frame / 4) for frame in range(COUNT)])
    return np.clip(shown + noise.astype(np.int16), 0, 255).astype(np.uint8)


def webcam(height: int, width: int) -> Video:
    """A room in which a head nods."""
    video = np.stack([ROOM[:height, :width]] * COUNT)
    for frame, picture in enumerate(video):
        centre = (width // 2, int(height * (0.55 + 0.05 * np.sin(frame / 3))))
        cv2.ellipse(picture, (centre, (width * 0.4, height * 0.6), 0), (210, 160, 140), -1)
    return video


def with_inset(video: Video, left: int, top: int, inset: Video) -> Video:
    video = video.copy()
    height, width = inset.shape[1:3]
    video[:, top : top + height, left : left + width] = inset
    return video


def with_monitor(video: Video, pan_px: float, angle_deg: float = 0.0) -> Video:
    """The same webcam's picture on a monitor that stands in the world, in a dark case."""
    video, inset = video.copy(), webcam(90, 150)
    corners = np.array([[0, 0], [149, 0], [149, 89], [0, 89]], np.float32)
    angle = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stands = (corners - (75, 45)) @ turn.T + (330, 160)
    for frame, picture in enumerate(video):
        seen = stands - (pan_px * frame, pan_px * frame / 4)
        case = (seen - seen.mean(axis=0)) * 1.1 + seen.mean(axis=0)
        cv2.fillConvexPoly(picture, np.round(case).astype(np.int32), (20, 20, 22), cv2.LINE_AA)
        warp = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
        cv2.warpPerspective(inset[frame], warp, (WIDTH, HEIGHT), dst=picture, borderMode=cv2.BORDER_TRANSPARENT)
    return video


@pytest.mark.parametrize(
    ("left", "top", "size"),
    [(0, 0, (72, 96)), (WIDTH - 128, HEIGHT - 96, (96, 128)), (14, HEIGHT - 104, (90, 150)), (200, 120, (80, 110))],
)
def test_finds_a_webcam_over_what_a_moving_camera_films(left: int, top: int, size: tuple[int, int]) -> None:
    assert has_inset(with_inset(filmed(), left, top, webcam(*size)))


def test_finds_none_in_what_a_moving_camera_films() -> None:
    assert not has_inset(filmed())


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (200, 40, 40)])
def test_finds_it_within_a_drawn_border(color: tuple[int, int, int]) -> None:
    video = with_inset(filmed(), 20, 16, webcam(90, 130))
    for picture in video:
        cv2.rectangle(picture, (20, 16, 130, 90), color, 3)

    assert has_inset(video)


def test_finds_it_with_round_corners() -> None:
    video = with_inset(filmed(), 20, 16, webcam(90, 130))
    rounded = filmed()
    mask = np.zeros((90, 130), np.uint8)
    cv2.rectangle(mask, (12, 12), (117, 77), 1, -1)
    inside = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25))) > 0
    rounded[:, 16:106, 20:150][:, inside] = video[:, 16:106, 20:150][:, inside]

    assert has_inset(rounded)


@pytest.mark.parametrize("pass_behind", [True, False])
def test_what_passes_before_a_picture_on_the_wall_passes_behind_an_inset(pass_behind: bool) -> None:
    video, poster = filmed(0), webcam(120, 150)
    for frame, picture in enumerate(video):
        if not pass_behind:
            picture[168:, :150] = poster[frame]
        for row, ahead in ((190, 0), (250, 220), (140, 440)):
            _pass_by(picture, ((ahead + 40 * frame) % 660 - 70, row))
        if pass_behind:
            picture[168:, :150] = poster[frame]

    assert has_inset(video) == pass_behind


@pytest.mark.parametrize("pan_px", [0.0, 0.03, 1.0, 3.0])
def test_a_monitor_in_the_scene_is_no_inset_whether_the_camera_moves_or_not(pan_px: float) -> None:
    assert not has_inset(with_monitor(filmed(pan_px), pan_px))
    assert not has_inset(with_monitor(filmed(pan_px), pan_px, angle_deg=2))


def test_a_monitor_before_a_camera_that_trembles_is_no_inset() -> None:
    tremble = np.random.default_rng(5).normal(0, 0.6, (COUNT, 2))
    steady = with_monitor(filmed(0), 0)
    shifts = [np.array([[1, 0, x], [0, 1, y]]) for x, y in tremble]
    shaken = np.stack(
        [
            cv2.warpAffine(picture, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
            for picture, shift in zip(steady, shifts, strict=True)
        ]
    ).astype(np.uint8)

    assert not has_inset(shaken)


def _bars(picture: Image) -> None:
    picture[:36] = picture[-36:] = 0


def _pillars(picture: Image) -> None:
    picture[:, :90] = picture[:, -90:] = 0


def _subtitle(picture: Image) -> None:
    cv2.rectangle(picture, (110, 240, 300, 22), (250, 220, 30), -1)


def _logo(picture: Image) -> None:
    cv2.rectangle(picture, (440, 14, 44, 22), (200, 30, 30), -1)


@pytest.mark.parametrize("edit", [_bars, _pillars, _subtitle, _logo])
def test_what_editors_add_to_footage_is_no_inset(edit: Callable[[Image], None]) -> None:
    video = filmed()
    for picture in video:
        edit(picture)

    assert not has_inset(video)


def test_finds_a_picture_that_pops_up_or_changes_before_a_camera_that_stands() -> None:
    still = filmed(0)
    popping, changing = still.copy(), still.copy()
    popping[20:, 150:270, 60:260] = ROOM[:120, :200]
    changing[:, 180:] = ROOM[:108, :WIDTH]
    changing[25:, 180:] = WORLD[-108:, :WIDTH]

    assert has_inset(popping)
    assert has_inset(changing)
    assert not has_inset(still)


def test_a_cut_of_the_whole_picture_is_no_pop_up_within_bars_or_without() -> None:
    cut = filmed()
    cut[24:] = ROOM[:HEIGHT, :WIDTH]
    within_bars = cut.copy()
    for picture in within_bars:
        _bars(picture)

    assert not has_inset(cut)
    assert not has_inset(within_bars)


def test_a_box_that_is_carried_through_the_picture_is_no_pop_up() -> None:
    video = filmed(0)
    for frame, picture in enumerate(video):
        left = 8 * frame
        picture[100:200, left : left + 120] = ROOM[:100, :120]

    assert not has_inset(video)


def test_a_part_in_other_light_is_no_pop_up_but_another_picture_there_is() -> None:
    still = np.repeat(ROOM[None], 32, axis=0)
    lit, changed = still.copy(), still.copy()
    part = np.s_[16:, 60:280, 100:400]
    lit[part] = np.clip(lit[part].astype(int) * 0.5 + 100, 0, 255).astype(np.uint8)
    changed[part] = changed[part][:, ::-1, ::-1]

    assert not has_inset(lit)
    assert has_inset(changed)


def test_a_line_of_text_that_changes_is_no_pop_up() -> None:
    video = filmed(0)
    for frame, picture in enumerate(video):
        if frame > 20:
            _subtitle(picture)

    assert not has_inset(video)


def test_answers_for_every_clip_by_itself() -> None:
    video = filmed()
    clips = [frames_of(each) for each in (video, with_inset(video, 0, 0, webcam(72, 96)), video)]

    assert BorderedInsets().find(clips) == [False, True, False]


def test_stricter_limits_find_fewer() -> None:
    clip = frames_of(with_inset(filmed(), 0, 0, webcam(72, 96)))

    assert BorderedInsets(BorderedInsetsConfig(min_exactness=9.0)).find([clip]) == [False]


def _seen(world: Image, left: float, top: float) -> Image:
    shift = np.array([[1, 0, -left - 40], [0, 1, -top - 40]], np.float64)
    return np.asarray(cv2.warpAffine(world, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR), np.uint8)


def _pass_by(picture: Image, centre: tuple[int, int]) -> None:
    """Somebody in a patterned coat, close to the camera, shows here."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(mask, (centre, (110, 90), 0), 255, -1)
    rows, columns = np.nonzero(mask)
    picture[rows, columns] = COAT[rows - centre[1] + 60, columns - centre[0] + 60]
