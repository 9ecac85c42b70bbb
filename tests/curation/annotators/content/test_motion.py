import cv2
import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.annotators.content.motion import camera_map, motion_channels
from worlds.fields import fractal_to_the_pixel

SIDE = 96


def world(seed: int, side: int) -> npt.NDArray[np.uint8]:
    """Something to look at: noise of all scales, in grey."""
    noise = fractal_to_the_pixel(np.random.default_rng(seed), side, side, gain=0.7)
    return np.asarray(255 * noise, np.uint8)


def view(picture: npt.NDArray[np.uint8], to_frame: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.warpAffine(picture, to_frame, (SIDE, SIDE), flags=cv2.INTER_CUBIC), np.uint8)


def similarity(zoom: float, angle: float, x: float, y: float) -> npt.NDArray[np.float64]:
    """Zoom and roll about the frame's centre, then a shift; from a picture twice the frame's size."""
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, SIDE / 2 + np.array([x, y]) - linear @ [SIDE, SIDE]])


def as_video(*greys: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.stack([np.repeat(grey[..., None], 3, axis=2) for grey in greys])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 20),
    zoom=st.floats(0.9, 1.15),
    angle=st.floats(-0.08, 0.08),
    x=st.floats(-10, 10),
    y=st.floats(-10, 10),
)
def test_finds_the_cameras_pan_zoom_and_roll(seed: int, zoom: float, angle: float, x: float, y: float) -> None:
    picture = world(seed, 2 * SIDE)
    before, after = similarity(1, 0, 0, 0), similarity(zoom, angle, x, y)

    found = camera_map(view(picture, before), view(picture, after))

    assert found is not None
    inner = np.array([[24, 24, 1], [72, 24, 1], [72, 72, 1], [24, 72, 1]], float)
    in_picture = (inner[:, :2] - before[:, 2]) @ np.linalg.inv(before[:, :2]).T
    expected = in_picture @ after[:, :2].T + after[:, 2]
    assert np.abs(inner @ found.T - expected).max() < 0.5


def grey_levels(shown: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Undo the square-root scale."""
    return np.asarray(np.square(shown.astype(float)) / 255, np.float64)


def test_a_zoom_into_a_picture_leaves_no_residual() -> None:
    picture = world(1, 2 * SIDE)
    video = as_video(*[view(picture, similarity(zoom, 0, 0, 0)) for zoom in np.linspace(1, 1.5, 8)])

    _, residual, difference = np.moveaxis(motion_channels(video), -1, 0)

    assert grey_levels(difference).mean() > 8
    assert grey_levels(residual).mean() < 2


def test_a_moving_thing_remains_where_the_camera_moves_as_well() -> None:
    picture = world(2, 2 * SIDE)
    frames = [view(picture, similarity(1, 0, 1.5 * step, 0)) for step in range(6)]
    for step, frame in enumerate(frames):
        frame[60 - 5 * step : 80 - 5 * step, 30:50] = 255 * (np.indices((20, 20)).sum(axis=0) // 5 % 2)

    _, residual, _ = np.moveaxis(motion_channels(as_video(*frames)), -1, 0)

    for step in range(1, 6):
        is_thing = np.zeros((SIDE, SIDE), bool)
        is_thing[58 - 5 * step : 87 - 5 * step, 28:54] = True
        assert residual[step][is_thing].mean() > 4 * residual[step][~is_thing].mean()


def test_where_nothing_changes_nothing_is_shown() -> None:
    frame = world(3, SIDE)

    grey, residual, difference = np.moveaxis(motion_channels(as_video(*[frame] * 4)), -1, 0)

    assert (grey == frame).all()
    assert not residual.any()
    assert not difference.any()


def test_frames_without_features_are_compared_as_they_are() -> None:
    dark, light = np.full((SIDE, SIDE), 40, np.uint8), np.full((SIDE, SIDE), 104, np.uint8)

    _, residual, difference = np.moveaxis(motion_channels(as_video(dark, light)), -1, 0)

    assert (residual == int(np.sqrt(64 * 255))).all()
    assert (difference == residual).all()
