import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curation.annotators.shots.jumps import picture_jumps
from curation.records import Video

Picture = npt.NDArray[np.float64]


def scene(seed: int) -> Picture:
    """A wide picture with shapes of all sizes."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.uniform(0, 255, (27 // size, 120 // size, 3)), (120, 27)) for size in (3, 6, 12)]
    return np.asarray(np.mean(layers, axis=0), np.float64)


def filmed(picture: Picture, lefts: list[int], seed: int = 0) -> Video:
    """A camera over the picture, with its noise."""
    rng = np.random.default_rng(seed)
    views = np.stack([picture[:, left : left + 48] for left in lefts])
    return np.clip(views + rng.normal(0, 1.5, views.shape), 0, 255).astype(np.uint8)


def jumps(video: Video) -> list[int]:
    return np.flatnonzero(picture_jumps(video, np.ones(len(video), bool))).tolist()


def test_a_jump_to_another_place_in_the_same_picture_is_found() -> None:
    video = filmed(scene(1), [0] * 12 + [40] * 12)

    assert jumps(video) == [11]


def test_a_frame_that_need_not_be_looked_at_is_not() -> None:
    video = filmed(scene(1), [0] * 12 + [40] * 12)

    assert not picture_jumps(video, np.arange(24) != 11).any()


@pytest.mark.parametrize("knock", [2, 5])
def test_a_knocked_or_swung_camera_is_no_jump(knock: int) -> None:
    assert jumps(filmed(scene(1), [20] * 10 + [20 + knock] * 10)) == []
    assert jumps(filmed(scene(1), [*[0] * 8, *range(0, 60, knock), *[60] * 8])) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_jump(length: int) -> None:
    video = filmed(scene(1), [20] * 24).astype(float)
    rng = np.random.default_rng(0)
    video[10 : 10 + length] = 255 - rng.uniform(0, 60, video[0].shape)  # hardly anything is left of the picture

    assert jumps(video.astype(np.uint8)) == []


def test_a_flash_that_fades_is_no_jump() -> None:
    video = filmed(scene(1), [20] * 24).astype(float)
    glare = 255 - np.random.default_rng(0).uniform(0, 60, video[0].shape)
    for frame, share in ((10, 1.0), (11, 0.6), (12, 0.25)):
        video[frame] = share * glare + (1 - share) * video[frame]

    assert jumps(video.astype(np.uint8)) == []


def test_a_lamp_that_is_switched_on_is_no_jump() -> None:
    video = filmed(scene(1) * 0.5, [20] * 24).astype(float)
    video[12:] = video[12:] * 1.9 + 20

    assert jumps(np.clip(video, 0, 255).astype(np.uint8)) == []


def test_a_window_that_opens_is_no_jump() -> None:
    video = filmed(scene(1), [20] * 24)
    video[12:, 4:20, 8:34] = filmed(scene(2), [0] * 12)[:, 4:20, 8:34]

    assert jumps(video) == []


def test_the_pages_of_a_screen_are_no_jump() -> None:
    video = np.concatenate([np.stack([scene(seed)[:, :48].astype(np.uint8)] * 12) for seed in (1, 2)])

    assert jumps(video) == []


@pytest.mark.parametrize("count", [1, 2, 9])
def test_very_short_videos_have_no_jumps(count: int) -> None:
    assert jumps(filmed(scene(1), [0, 40, 0, 40, 0, 40, 0, 40, 0][:count])) == []
