from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from dataset_schema import Bucket
from modeling.data.video import decode_clip, write_video
from modeling.data.windows import count_windows, draw_window_s, window_starts_s

BUCKET = Bucket(17, 32, 48)


def drawn(duration_s: float, *, visits: int, most: int | None = None, clip_id: str = "a", seed: int = 0) -> list[float]:
    starts_s = window_starts_s(duration_s, BUCKET, most=most)
    return [draw_window_s(starts_s, seed=seed, clip_id=clip_id, visit=visit) for visit in range(visits)]


def test_a_clip_that_just_fills_its_bucket_has_one_window() -> None:
    assert window_starts_s(17 / 24, BUCKET).tolist() == [0.0]
    assert window_starts_s(16.6 / 24, BUCKET).tolist() == [0.0]  # rounded down by its container


def test_at_another_pace_windows_start_at_its_frames() -> None:
    assert window_starts_s(17 / 16, BUCKET, fps=16.0).tolist() == [0.0]
    assert window_starts_s(20 / 16, BUCKET, fps=16.0).tolist() == [0.0, 1 / 16, 2 / 16, 3 / 16]
    assert count_windows(np.array([17 / 16, 20 / 16]), BUCKET, fps=16.0, most=3).tolist() == [1, 3]


def test_a_second_more_gives_24_more_starts_or_as_many_as_are_wanted() -> None:
    assert len(window_starts_s(41 / 24, BUCKET)) == 25
    assert window_starts_s(41 / 24, BUCKET, most=3).tolist() == [0.0, 0.5, 1.0]


@given(st.floats(0.7, 300), st.integers(1, 40) | st.none())
def test_windows_lie_within_the_clip_and_are_as_many_as_counted(duration_s: float, most: int | None) -> None:
    starts_s = window_starts_s(duration_s, BUCKET, most=most)

    assert starts_s[0] == 0
    assert starts_s[-1] + 17 / 24 <= duration_s + 0.5 / 24 + 1e-9
    assert len(set(starts_s.tolist())) == len(starts_s) == count_windows(np.array([duration_s]), BUCKET, most=most)[0]


def test_the_window_is_a_function_of_seed_clip_and_visit_and_all_are_as_likely() -> None:
    first = drawn(22 / 24, visits=3000)

    assert first == drawn(22 / 24, visits=3000)
    assert first != drawn(22 / 24, visits=3000, clip_id="b")
    assert first != drawn(22 / 24, visits=3000, seed=1)
    counts = Counter(first)
    assert sorted(counts) == [k / 24 for k in range(6)]
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_every_window_of_a_file_can_be_decoded(tmp_path: Path) -> None:
    for fps in (10.0, 23.976, 29.97, 60.0):
        frames = round(1.3 * fps)
        write_video(tmp_path / "clip.mp4", np.zeros((frames, 32, 48, 3), np.uint8), fps=fps)
        for start_s in window_starts_s(frames / fps, BUCKET):
            assert len(decode_clip(tmp_path / "clip.mp4", BUCKET, window_s=float(start_s))) == 17


def test_a_store_counts_windows_as_it_lists_them_also_where_half_a_frame_decides() -> None:
    for fps in (16, 24, 48):
        durations_s = (np.arange(20, 400) / fps).astype(np.float32)  # as a store keeps them
        durations_s = durations_s[durations_s >= BUCKET.least_duration_s]

        counted = count_windows(durations_s, BUCKET)

        assert counted.tolist() == [len(window_starts_s(float(each), BUCKET)) for each in durations_s]
