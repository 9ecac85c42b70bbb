"""Clips that are cut: their frames by their grey, their sound by its loudness."""

from pathlib import Path

import pytest

from exports.cutting import CutPlan
from exports.encoding import encode, is_sound_whole
from exports.refusal import Reason, Refused
from tests.exports.made_clips import grey, loudness, shown, video_bytes
from video_reading.part import Span


def plan(
    frames: int, fps: float, *, file: Path | None = None, span: Span | None = None, sound: bool = False
) -> CutPlan:
    return CutPlan(
        file=file,
        span=span or Span(),
        is_copy=False,
        frames=frames,
        num_frames=frames,
        fps=fps,
        height=64,
        width=96,
        has_sound=sound,
    )


def levels(found: list[int], numbers: list[int]) -> bool:
    return len(found) == len(numbers) and all(
        abs(level - grey(n)) <= 2 for level, n in zip(found, numbers, strict=True)
    )


def test_the_same_pace_gives_the_same_frames() -> None:
    found = encode(plan(39, 24.0), video_bytes(frames=50))

    assert levels(shown(found.mp4), list(range(39)))


def test_another_pace_shows_what_is_on_show_in_the_middle_of_each_frame() -> None:
    found = encode(plan(33, 16.0), video_bytes(frames=49))

    # The middle of frame k at 16 fps is (k + .5) / 16 s: frame floor(1.5 k + .75) at 24 fps.
    assert levels(shown(found.mp4), [int(1.5 * k + 0.75) for k in range(33)])


def test_a_span_of_a_source_begins_where_it_says(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(video_bytes(frames=100))

    found = encode(plan(22, 24.0, file=tmp_path / "film.mp4", span=Span(start_s=1.0, end_s=2.0)), None)

    assert levels(shown(found.mp4), list(range(24, 46)))


def test_sound_comes_along_and_what_is_missing_of_it_is_silent() -> None:
    found = encode(plan(48, 24.0, sound=True), video_bytes(frames=48, sound_s=1.0))

    loud = loudness(found.mp4)
    assert found.has_sound
    assert len(loud) >= 20
    assert loud[2:9].min() > 0.3
    assert loud[12:19].max() < 0.01
    assert is_sound_whole(found.mp4, tolerance_s=0.025)


def test_sound_of_a_span_is_that_of_its_time(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(video_bytes(frames=96, sound_s=2.5))

    part = plan(48, 24.0, file=tmp_path / "film.mp4", span=Span(start_s=2.0, end_s=4.0), sound=True)
    loud = loudness(encode(part, None).mp4)

    assert loud[1:4].min() > 0.3  # the tone ends half a second into the span
    assert loud[7:18].max() < 0.01


def test_a_clip_without_sound_gets_none() -> None:
    assert not encode(plan(22, 24.0, sound=True), video_bytes(frames=30)).has_sound


@pytest.mark.parametrize(("sound_s", "is_whole"), [(None, True), (2.0, True), (1.9, False), (0.5, False)])
def test_sound_that_a_strict_reader_would_stop_at_is_found_in_its_packets(
    sound_s: float | None, is_whole: bool
) -> None:
    assert is_sound_whole(video_bytes(frames=48, sound_s=sound_s), tolerance_s=0.025) is is_whole


def test_a_video_that_is_shorter_than_its_row_says_is_refused() -> None:
    with pytest.raises(Refused, match="gives 31 frames at 24 fps, expected 39") as caught:
        encode(plan(39, 24.0), video_bytes(frames=30))

    assert caught.value.reason is Reason.UNREADABLE_VIDEO


def test_what_is_no_video_is_refused() -> None:
    with pytest.raises(Refused, match="its video is a text file"):
        encode(plan(39, 24.0), b"a page that says not found")
