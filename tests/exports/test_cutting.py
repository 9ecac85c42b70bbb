"""Where a clip is taken from, decided from its row."""

from dataclasses import replace
from pathlib import Path

import pytest

from dataset_schema import Payload, Sample
from exports.cutting import CutConfig, CutPlan, Footage, plan_cut
from exports.grids import FrameGrid
from exports.refusal import Reason, Refused
from exports.target import Target
from tests.exports.made_clips import as_cut, make_sample

STRICT = Target(grid=FrameGrid(step=17, offset=5, least=124, most=345, fps=24.0), divisor=32, uses_sound=True)
RESAMPLING = replace(STRICT, resamples=True)
ANY = Target(grid=FrameGrid())
VIDEO = b"not looked at"


def plan(sample: Sample, target: Target, config: CutConfig | None = None, *, has_bytes: bool = True) -> CutPlan:
    return plan_cut(sample, target, config or CutConfig(), root=Path("/dataset"), has_bytes=has_bytes)


def sample_of(**facts: float | tuple[int, int]) -> Sample:
    return make_sample(video=VIDEO, **facts)  # type: ignore[arg-type]


def test_bytes_that_fit_are_copied_with_the_frames_that_the_reader_leaves() -> None:
    found = plan(sample_of(frames=130), STRICT)

    assert found.is_copy
    assert (found.frames, found.num_frames, found.file) == (124, 130, None)


def test_another_pace_is_cut_again_unless_the_reader_resamples() -> None:
    sample = sample_of(frames=180, fps=30.0)

    strict, resampling = plan(sample, STRICT), plan(sample, RESAMPLING)

    assert (strict.is_copy, strict.frames, strict.fps) == (False, 141, 24.0)
    assert (resampling.is_copy, resampling.frames) == (True, 141)


def test_the_ntsc_pace_counts_as_its_own() -> None:
    assert plan(sample_of(frames=130, fps=23.976), STRICT).is_copy


@pytest.mark.parametrize(
    "change",
    [
        {"rotation_deg": 90},
        {"codec": "hevc"},
        {"container": "matroska,webm"},
        {"sample_aspect_ratio": 1.5},
        {"is_interlaced": True},
        {"color_transfer": "smpte2084"},
        {"damage": "ends early"},
    ],
)
def test_what_not_every_reader_shows_rightly_is_cut_again(change: dict[str, object]) -> None:
    sample = sample_of(frames=130)

    odd = replace(sample, media=replace(sample.media, **change))  # type: ignore[arg-type]

    assert not plan(odd, ANY).is_copy


def test_a_cut_that_lacks_the_sources_sound_is_taken_from_the_source(tmp_path: Path) -> None:
    (tmp_path / "source.mp4").write_bytes(b"there")
    sample = as_cut(sample_of(frames=130), tmp_path / "source.mp4", start_s=2.0, end_s=7.5)
    sample = replace(sample, media=replace(sample.media, has_audio=True, height=720, width=1280))

    found = plan(sample, STRICT)

    assert (found.file, found.span.start_s, found.span.end_s) == (tmp_path / "source.mp4", 2.0, 7.5)
    assert (found.has_sound, found.height, found.width) == (True, 704, 1280)
    assert plan(sample, STRICT, CutConfig(keeps_sound=False)).is_copy
    assert plan(sample, STRICT, CutConfig(footage=Footage.PUBLISHED)).file is None


def test_a_cut_whose_source_is_gone_is_taken_as_it_was_published(tmp_path: Path) -> None:
    sample = as_cut(sample_of(frames=130), tmp_path / "gone.mp4", start_s=2.0, end_s=7.5)
    sample = replace(sample, media=replace(sample.media, has_audio=True))

    found = plan(sample, STRICT)

    assert (found.is_copy, found.has_sound) == (True, False)


def test_a_clip_that_is_only_a_span_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"there")
    sample = as_cut(sample_of(frames=130), tmp_path / "film.mp4", start_s=60.0, end_s=65.5)
    sample = replace(sample, video=Payload(path=str(tmp_path / "film.mp4")), video_start_s=60.0)

    found = plan(sample, ANY, has_bytes=False)

    assert (found.file, found.span.start_s, found.is_copy) == (tmp_path / "film.mp4", 60.0, False)


def refused(sample: Sample, target: Target, config: CutConfig | None = None, *, has_bytes: bool = True) -> Refused:
    with pytest.raises(Refused) as caught:
        plan(sample, target, config, has_bytes=has_bytes)
    return caught.value


def test_what_cannot_be_had_is_refused_with_its_reason() -> None:
    span = replace(sample_of(frames=130), video=Payload(path="gone.mp4"))

    assert refused(sample_of(frames=123), STRICT).reason is Reason.TOO_SHORT
    assert "5.12 s give 123 frames at 24 fps, expected at least 124" in refused(sample_of(frames=123), STRICT).detail
    assert refused(sample_of(frames=130), STRICT, CutConfig(frames=141)).reason is Reason.TOO_SHORT
    assert refused(span, ANY, has_bytes=False).reason is Reason.NO_VIDEO
    assert refused(sample_of(frames=180, fps=30.0, size=(24, 96)), STRICT).reason is Reason.TOO_SMALL


def test_a_cut_keeps_the_aspect_within_its_pixels_and_the_divisor() -> None:
    found = plan(sample_of(frames=180, fps=30.0, size=(1080, 1920)), STRICT, CutConfig(max_pixels=640 * 360))

    assert (found.height, found.width) == (352, 640)
