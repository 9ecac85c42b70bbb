"""Frame counts by hand, and the laws of grids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.grids import FrameGrid, frames_on_show

H3 = FrameGrid(step=17, offset=5, fps=24.0)
LTX = FrameGrid(step=8, offset=1)
WAN = FrameGrid(step=4, offset=1, fps=16.0)


@pytest.mark.parametrize(
    ("frames", "wan", "ltx", "h3"),
    [
        (17, 9, 17, 5),
        (49, 33, 49, 39),
        (73, 49, 73, 73),
        (97, 65, 97, 90),
        (121, 81, 121, 107),
        (145, 97, 145, 141),
        (193, 129, 193, 192),
        (289, 193, 289, 277),
    ],
)
def test_what_the_buckets_of_table_6_give_each_trainer(frames: int, wan: int, ltx: int, h3: int) -> None:
    assert WAN.largest(frames_on_show(frames / 24, 16.0)) == wan
    assert LTX.largest(frames) == ltx
    assert H3.largest(frames_on_show(frames / 24, 24.0)) == h3


GRIDS = st.builds(
    lambda step, offset, n: FrameGrid(step=step, offset=offset % step, least=step * n + offset % step or 1, most=400),
    st.integers(1, 20),
    st.integers(0, 20),
    st.integers(0, 5),
)


@given(GRIDS, st.integers(0, 1000))
def test_the_largest_count_is_on_the_grid_and_none_between_it_and_what_is_there(grid: FrameGrid, there: int) -> None:
    found = grid.largest(there)

    on_grid = [count for count in range(1, min(there, grid.most) + 1) if count in grid]
    assert found == (on_grid[-1] if on_grid else None)


@given(st.integers(1, 2000), st.sampled_from([8.0, 16.0, 23.976, 24.0, 25.0, 30.0, 60.0]))
def test_a_clip_at_its_own_pace_has_its_own_frames(frames: int, fps: float) -> None:
    assert frames_on_show(frames / fps, fps) == frames


@given(st.floats(0.1, 100), st.sampled_from([8.0, 16.0, 24.0]))
def test_frames_are_at_most_half_a_frame_longer_than_the_clip(duration_s: float, fps: float) -> None:
    assert abs(frames_on_show(duration_s, fps) / fps - duration_s) <= 0.502 / fps


def test_a_grid_without_a_count_is_refused() -> None:
    with pytest.raises(ValueError, match="no frame count"):
        FrameGrid(step=17, offset=5, least=10, most=20)
