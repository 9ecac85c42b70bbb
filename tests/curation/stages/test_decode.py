"""Files as they come, through the real stage and its child process."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from curation.records import Clip
from curation.stage import ClipError
from curation.stages.decode import Decode, DecodeConfig
from dataset_schema import FailureKind
from tests.curation.deciding import reasons_of
from tests.curation.made_videos import (
    add_audio,
    add_video,
    barcode,
    clip_of,
    corners,
    read_barcode,
    write_barcodes,
    write_video,
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Decode]:
    stage = Decode(DecodeConfig(max_duration_s=8.0))
    yield stage
    stage.close()


def decoded(stage: Decode, path: Path, start_s: float | None = None, end_s: float | None = None) -> Clip:
    (clip,) = stage.score([clip_of(path, start_s, end_s)])
    return clip


def failure_of(stage: Decode, path: Path, start_s: float | None = None, end_s: float | None = None) -> ClipError:
    with pytest.raises(ClipError) as caught:
        stage.score([clip_of(path, start_s, end_s)])
    assert str(caught.value).startswith(str(path))
    return caught.value


def indices(images: np.ndarray) -> list[int]:
    return [read_barcode(image) for image in images]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("h264.mp4", {}),
        ("-starts with a dash.mp4", {}),
        ("ünïcode 視頻 %20#?.mp4", {}),
        ("no_extension", {"container": "mp4"}),
        ("wrong_extension.jpg", {"container": "matroska"}),
        ("h265_10_bit.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le"}),
        ("av1.mkv", {"codec": "libsvtav1", "options": {"preset": "10", "crf": "5"}}),
        ("vp9.webm", {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "crf": "20"}}),
        ("444_10_bit.mp4", {"pix_fmt": "yuv444p10le"}),
        ("mpeg4_in_avi.avi", {"codec": "mpeg4", "options": {"qscale": "2"}}),
        ("reordered_mpeg4.avi", {"codec": "mpeg4", "options": {"qscale": "2", "bf": "2"}}),
        ("reordered_h264.avi", {"options": {"crf": "5", "bf": "3", "b_strategy": "0"}}),
        ("transport_stream.ts", {"container": "mpegts"}),
        ("30 fps.mp4", {"fps": 30.0}),
        ("one_key_frame.mp4", {"key_frame_every": 10_000}),
    ],
)
def test_every_frame_of_a_sound_file_is_found_in_order(
    tmp_path: Path, stage: Decode, name: str, settings: dict[str, Any]
) -> None:
    path = write_barcodes(tmp_path / name, 48, **settings)

    clip = decoded(stage, path)

    assert clip.media is not None
    assert clip.frames is not None
    assert indices(clip.frames.thumbnails) == list(range(48))
    assert clip.media.damage is None
    assert reasons_of(stage, clip) == ()
    assert (clip.media.height, clip.media.width) == (180, 320)
    assert clip.media.decoded_frames == 48
    assert clip.media.fps == pytest.approx(settings.get("fps", 24.0), rel=0.01)
    assert not clip.media.is_vfr
    assert clip.frames.times_s[0] == pytest.approx(0, abs=0.05)
    assert clip.media.duration_s == pytest.approx(48 / clip.media.fps, abs=0.01)
    assert indices(clip.frames.content) == [int(1.5 + 3 * number) for number in range(16)]
    for reference in clip.frames.reference_frames:
        assert read_barcode(reference.image) == reference.index
        assert read_barcode(reference.neighbours[reference.centre]) == reference.index
        assert reference.neighbour_times_s[reference.centre] == reference.time_s
        assert reference.time_s == pytest.approx(clip.frames.times_s[reference.index])
    assert [reference.index for reference in clip.frames.reference_frames] == [2, 24, 45]


def test_a_raw_stream_without_timestamps_runs_at_its_own_pace(tmp_path: Path, stage: Decode) -> None:
    path = write_barcodes(tmp_path / "raw.h264", 60, fps=30.0, container="h264")

    clip = decoded(stage, path, 0.5, 1.5)

    assert clip.frames is not None
    assert indices(clip.frames.thumbnails) == list(range(15, 45))
    assert clip.frames.times_s[0] == pytest.approx(0.5)


def test_a_span_of_reordered_frames_in_a_container_without_presentation_times(tmp_path: Path, stage: Decode) -> None:
    path = write_barcodes(tmp_path / "a.avi", 72, codec="mpeg4", options={"qscale": "2", "bf": "2"}, key_frame_every=12)

    clip = decoded(stage, path, 1.5, 2.5)

    assert clip.frames is not None
    assert clip.media is not None
    assert indices(clip.frames.thumbnails) == list(range(36, 60))
    assert clip.frames.times_s == pytest.approx(np.arange(36, 60) / 24)
    assert clip.media.damage is None


@pytest.mark.parametrize("key_frame_every", [1, 7, 1000])
@pytest.mark.parametrize(("start_s", "end_s"), [(0.5, 1.5), (None, 0.75), (1.0, None), (0.0, 2.0), (10 / 24, 11 / 24)])
def test_a_span_holds_the_frames_whose_time_lies_in_it(
    tmp_path: Path, stage: Decode, start_s: float | None, end_s: float | None, key_frame_every: int
) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 48, key_frame_every=key_frame_every)

    clip = decoded(stage, path, start_s, end_s)

    expected = [i for i in range(48) if (start_s or 0) - 1e-6 <= i / 24 < (end_s or 99) - 1e-6]
    assert clip.frames is not None
    assert clip.media is not None
    assert indices(clip.frames.thumbnails) == expected
    assert clip.media.duration_s == pytest.approx(len(expected) / 24, abs=1e-3)
    assert clip.media.damage is None


@pytest.mark.parametrize(("start_s", "end_s"), [(2.0, 3.0), (50.0, 60.0), (1.5, 2.5), (0.0, 2.4)])
def test_a_span_outside_the_video_says_how_long_it_lasts(
    tmp_path: Path, stage: Decode, start_s: float, end_s: float
) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 48)

    failure = failure_of(stage, path, start_s, end_s)

    assert failure.kind is FailureKind.INPUT
    assert f"[{start_s:g} s, {end_s:g} s)" in str(failure)
    assert "the video ends at 2.00 s" in str(failure)


def test_a_span_may_be_rounded_up_at_the_end_of_the_video(tmp_path: Path, stage: Decode) -> None:
    clip = decoded(stage, write_barcodes(tmp_path / "a.mp4", 46), 1.0, 2.0)

    assert clip.frames is not None
    assert indices(clip.frames.thumbnails) == list(range(24, 46))


def test_times_of_a_variable_frame_rate_are_kept(tmp_path: Path, stage: Decode) -> None:
    times_s = np.concatenate([np.arange(30) / 30, 1 + np.arange(15) / 7.5, 3 + np.arange(60) / 60])
    path = write_barcodes(tmp_path / "a.mp4", len(times_s), times_s=times_s.tolist())

    clip = decoded(stage, path)

    assert clip.media is not None
    assert clip.frames is not None
    assert clip.media.is_vfr
    np.testing.assert_allclose(clip.frames.times_s, times_s, atol=1e-3)
    assert clip.media.duration_s == pytest.approx(4.0, abs=0.02)
    # Half of the time, which is far from half of the frames.
    assert clip.frames.reference_frames[1].time_s == pytest.approx(2.0, abs=1 / 7.5)


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("flips", [False, True])
def test_frames_are_shown_upright_as_another_library_shows_them(
    tmp_path: Path, stage: Decode, rotation_deg: int, flips: bool
) -> None:
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as output:
        stream = add_video(output)
        stream.set_display_rotation(rotation_deg, hflip=flips)
        for index in range(24):
            frame = av.VideoFrame.from_ndarray(corners(), format="rgb24")
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode())

    clip = decoded(stage, path)

    assert clip.frames is not None
    assert clip.media is not None
    image = clip.frames.reference_frames[1].image
    expected = np.rot90(corners(), rotation_deg // 90)
    expected = expected[:, ::-1] if flips else expected
    assert image.shape == expected.shape
    assert (clip.media.height, clip.media.width) == expected.shape[:2]
    if not flips:
        capture = cv2.VideoCapture(str(path))
        expected = capture.read()[1][..., ::-1]
        capture.release()
    assert np.abs(image.astype(int) - expected).mean() < 6
    thumbnail = cv2.resize(np.ascontiguousarray(expected), (48, 27), interpolation=cv2.INTER_AREA)
    assert np.abs(clip.frames.thumbnails[5].astype(int) - thumbnail).mean() < 8


@pytest.mark.parametrize(("aspect", "size"), [((16, 9), (180, 569)), ((9, 16), (320, 320))])
def test_pixels_become_square_and_none_is_lost(
    tmp_path: Path, stage: Decode, aspect: tuple[int, int], size: tuple[int, int]
) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 24, sample_aspect=Fraction(*aspect))

    clip = decoded(stage, path)

    assert clip.frames is not None
    assert clip.media is not None
    assert clip.media.sample_aspect_ratio == pytest.approx(aspect[0] / aspect[1])
    assert (clip.media.height, clip.media.width) == size
    assert clip.frames.reference_frames[0].image.shape[:2] == size


@pytest.mark.parametrize("size", [(181, 321), (239, 427)])
def test_odd_sizes_are_kept(tmp_path: Path, stage: Decode, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", (barcode(index, *size) for index in range(24)), pix_fmt="yuv444p")

    clip = decoded(stage, path)

    assert clip.frames is not None
    assert clip.media is not None
    assert (clip.media.height, clip.media.width) == size
    assert clip.frames.reference_frames[0].image.shape == (*size, 3)


def test_large_frames_are_shrunk_but_reported_at_their_true_size(tmp_path: Path, stage: Decode) -> None:
    path = write_video(tmp_path / "a.mp4", (barcode(index, 1920, 1080) for index in range(18)))

    clip = decoded(stage, path)

    assert clip.frames is not None
    assert clip.media is not None
    assert (clip.media.height, clip.media.width) == (1920, 1080)
    assert clip.frames.reference_frames[0].image.shape == (1280, 720, 3)
    assert clip.frames.reference_frames[0].neighbours.shape[1:] == (448, 252, 3)


def moving_edge(time: float) -> np.ndarray:
    """A dark field whose right edge moves right, 8 pixels per unit of time."""
    image = np.full((180, 320, 3), 40, np.uint8)
    image[:, : int(40 + 8 * time)] = 210
    return image


def test_interlaced_frames_lose_their_combs(tmp_path: Path, stage: Decode) -> None:
    frames = []
    for index in range(24):
        woven = moving_edge(index)
        woven[1::2] = moving_edge(index + 0.5)[1::2]
        frames.append(woven)
    path = write_video(tmp_path / "a.mp4", frames, fps=25, options={"crf": "5", "x264-params": "tff=1:threads=1"})

    clip = decoded(stage, path)

    assert clip.frames is not None
    assert clip.media is not None
    assert clip.media.is_interlaced
    assert clip.media.decoded_frames == 24
    assert clip.media.fps == pytest.approx(25)
    for reference in clip.frames.reference_frames:
        rows = reference.image[20:160].astype(int).mean(axis=2)
        assert np.abs(np.diff(rows, axis=0)).max() < 60
        assert np.abs(np.diff(frames[reference.index][20:160].astype(int).mean(axis=2), axis=0)).max() > 150


@pytest.mark.parametrize(("transfer", "code", "name"), [(16, 0.58, "smpte2084"), (18, 0.75, "arib_std_b67")])
def test_high_dynamic_range_is_named_and_brought_to_standard_range(
    tmp_path: Path, stage: Decode, transfer: int, code: float, name: str
) -> None:
    path = tmp_path / "a.mkv"
    half = np.full((180, 320), round(64 + code * 876), "<u2")
    half[:, :160] = 64
    planes = np.concatenate([half, np.full((90, 320), 512, "<u2")])
    with av.open(path, "w") as output:
        options = {"x265-params": "log-level=none:pools=1"}
        stream = add_video(output, codec="libx265", pix_fmt="yuv420p10le", options=options)
        stream.codec_context.color_trc = transfer
        for index in range(24):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
            frame.pts, frame.color_trc = index, transfer
            output.mux(stream.encode(frame))
        output.mux(stream.encode())

    clip = decoded(stage, path)

    assert clip.frames is not None
    assert clip.media is not None
    assert clip.media.color_transfer == name
    image = clip.frames.reference_frames[0].image
    assert image[:, :140].max() <= 2
    # Diffuse white in both transfers (ITU-R BT.2408), after the roll-off: 0.52 of the peak, which sRGB codes as 191.
    assert image[:, 180:].mean() == pytest.approx(191, abs=4)


@pytest.mark.parametrize(("height", "matrix"), [(180, "ITU601"), (720, "ITU709")])
def test_colors_without_a_named_matrix_are_read_as_players_read_them(
    tmp_path: Path, stage: Decode, height: int, matrix: str
) -> None:
    width = height * 16 // 9
    image = corners(height, width)
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as output:
        stream = add_video(output, (height, width))
        for index in range(18):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
            frame.colorspace, frame.pts = 2, index
            output.mux(stream.encode(frame))
        output.mux(stream.encode())

    clip = decoded(stage, path)

    assert clip.frames is not None
    assert np.abs(clip.frames.reference_frames[0].image.astype(int) - image).mean() < 3


@pytest.mark.parametrize("matrix", ["bt2020c", "chroma-derived-nc", "smpte240m"])
def test_rare_color_matrices_are_decoded(tmp_path: Path, stage: Decode, matrix: str) -> None:
    options = {"x264-params": f"colormatrix={matrix}:transfer=smpte428:colorprim=smpte432:threads=1"}
    path = write_barcodes(tmp_path / "a.mp4", 24, options=options)

    clip = decoded(stage, path)

    assert clip.frames is not None
    assert indices(clip.frames.thumbnails) == list(range(24))


@pytest.mark.parametrize(("matrix", "name"), [("YCgCo", "YCgCo"), ("smpte2085", "YDzDx"), ("ICtCp", "ICtCp")])
def test_color_matrices_that_would_be_shown_wrong_are_refused(
    tmp_path: Path, stage: Decode, matrix: str, name: str
) -> None:
    options = {"x264-params": f"colormatrix={matrix}:threads=1"}
    path = write_barcodes(tmp_path / "a.mp4", 24, options=options)

    with pytest.raises(ClipError, match=f"codes its colors as {name}, which cannot be shown"):
        stage.score([clip_of(path)])


def test_sound_is_noticed(tmp_path: Path, stage: Decode) -> None:
    silent = decoded(stage, write_barcodes(tmp_path / "a.mp4", 24))
    path = tmp_path / "b.mp4"
    with av.open(path, "w") as output:
        video, sound = add_video(output), add_audio(output, "aac")
        for index in range(24):
            output.mux(video.encode(av.VideoFrame.from_ndarray(barcode(index), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        output.mux([*sound.encode(frame), *sound.encode(), *video.encode()])

    clip = decoded(stage, path)

    assert silent.media is not None
    assert clip.media is not None
    assert (silent.media.has_audio, clip.media.has_audio) == (False, True)
    assert clip.media.damage is None
