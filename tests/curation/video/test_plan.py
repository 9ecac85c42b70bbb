import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curation.video.plan import plan_frames
from curation.video.sampling import NEIGHBOUR_STEP_S, NEIGHBOURS_EACH_SIDE

# Containers round times to milliseconds; the plan may be this late.
ROUNDING_S = 2e-3

frame_counts = st.integers(1, 400)
frame_rates = st.sampled_from([1.0, 5.0, 12.0, 23.976, 25.0, 30.0, 60.0])
starts = st.floats(0, 1000)


def frame_at(times_s: np.ndarray, moment_s: float) -> int:
    """The frame a player shows at a moment, by looking at each of them."""
    return max(index for index, time_s in enumerate(times_s) if index == 0 or time_s <= moment_s)


@given(frame_counts, frame_rates, starts)
def test_at_a_constant_pace_references_are_the_frames_at_5_50_and_95_percent(
    count: int, fps: float, start_s: float
) -> None:
    times_s = start_s + np.arange(count) / fps

    plan = plan_frames(times_s, start_s + count / fps)

    found = [frame_at(times_s, moment_s) for moment_s in plan.references_s]
    early = {math.floor(position * count - 1e-6) for position in (0.05, 0.5, 0.95)}
    late = {math.floor(position * count + ROUNDING_S * fps + 1e-6) for position in (0.05, 0.5, 0.95)}
    assert found == sorted(set(found))
    assert set(found) <= early | late
    assert len(found) in {len(early), len(late)}


def test_positions_are_of_time_and_not_of_frames() -> None:
    fast_then_slow_s = np.concatenate([np.arange(60) / 60, 1 + np.arange(9)])

    plan = plan_frames(fast_then_slow_s, 10.0)

    assert [frame_at(fast_then_slow_s, moment_s) for moment_s in plan.references_s] == [30, 64, 68]


@given(frame_counts, frame_rates)
def test_content_frames_are_sixteen_in_order_and_evenly_spread(count: int, fps: float) -> None:
    times_s = np.arange(count) / fps

    plan = plan_frames(times_s, count / fps)

    frames = [frame_at(times_s, moment_s) for moment_s in plan.content_s]
    assert len(frames) == 16
    assert frames == sorted(frames)
    ideal = [(number + 0.5) * count / 16 for number in range(16)]
    late = ROUNDING_S * fps + 1e-6
    assert all(-1.001 <= frame - best <= late for frame, best in zip(frames, ideal, strict=True))


@given(frame_counts, frame_rates, starts)
def test_neighbours_surround_their_reference_in_time_order(count: int, fps: float, start_s: float) -> None:
    times_s = start_s + np.arange(count) / fps

    plan = plan_frames(times_s, start_s + count / fps)

    reach_s = NEIGHBOURS_EACH_SIDE * NEIGHBOUR_STEP_S + 0.5 / fps + 1e-6
    for reference_s, around_s in zip(plan.references_s, plan.neighbours_s, strict=True):
        assert reference_s in around_s
        assert list(around_s) == sorted(set(around_s))
        assert all(abs(moment_s - reference_s) <= reach_s for moment_s in around_s)


def test_neighbours_at_24_frames_per_second_are_every_second_frame() -> None:
    plan = plan_frames(np.arange(240) / 24, 10.0)

    middle = [round(moment_s * 24 - 0.5) for moment_s in plan.neighbours_s[1]]

    assert middle == [112, 114, 116, 118, 120, 122, 124, 126, 128]
