"""A cut is heard as its source is: the same sound at the same moment, whatever container and rate it came in."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from video_reading.cutting import CutVideo, cut_video
from video_reading.part import Span, VideoPart

HEIGHT, WIDTH, FPS = 64, 96, 24
Samples = npt.NDArray[np.float32]


def film(
    path: Path,
    sound: Samples | None,
    *,
    rate_hz: int = 48_000,
    seconds: float = 3.0,
    late_s: float = 0.0,
    codec: str = "aac",
) -> Path:
    """A grey video, with sound that begins so much later."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"g": "24", "bf": "2"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        packets: list[av.Packet[Any]] = []
        if sound is not None:
            layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(sound)]
            track: Any = output.add_stream(codec, rate=rate_hz, layout=layout)
            heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=layout)
            heard.sample_rate, heard.time_base, heard.pts = rate_hz, Fraction(1, rate_hz), round(late_s * rate_hz)
            packets = [*track.encode(heard), *track.encode(None)]
        for index in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), 90 + index % 5, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            output.mux(stream.encode(frame))
        output.mux([*stream.encode(), *packets])
    return path


def chirps(*at_s: float, seconds: float = 3.0, rate_hz: int = 48_000, channels: int = 1) -> Samples:
    """Silence with a burst at each moment, its loudest sample there."""
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    bursts = [np.exp(-(((times_s - t) / 0.004) ** 2)) * np.cos(2 * np.pi * 1000 * (times_s - t)) for t in at_s]
    return np.tile((0.8 * np.sum(bursts, axis=0)).astype(np.float32), (channels, 1))


def heard(made: CutVideo) -> tuple[Samples, int]:
    """The sound of a file as a player decodes it, from its time zero on."""
    with av.open(io.BytesIO(made.mp4), "r") as container:
        track = container.streams.audio[0]
        frames = list(container.decode(track))
        rate_hz = track.rate
        length = max(round((f.time or 0.0) * rate_hz) + f.samples for f in frames)
        found = np.zeros((frames[0].layout.nb_channels, length), np.float32)
        for frame in frames:
            start = round((frame.time or 0.0) * rate_hz)
            values = frame.to_ndarray()
            found[:, max(start, 0) : start + values.shape[1]] = values[:, max(-start, 0) :]
    return found, rate_hz


def peaks_s(samples: Samples, rate_hz: int) -> list[float]:
    """The moments of bursts."""
    envelope = np.abs(samples[0])
    moments = []
    while envelope.max() > 0.3:
        peak = int(envelope.argmax())
        moments.append(peak / rate_hz)
        envelope[max(0, peak - rate_hz // 20) : peak + rate_hz // 20] = 0
    return sorted(moments)


def cut_of(
    path: Path, start_s: float | None = None, end_s: float | None = None, *, keeps_sound: bool = True
) -> CutVideo:
    part = VideoPart(file=path, span=Span(start_s=start_s, end_s=end_s))
    return cut_video(part, fps=FPS, size=(HEIGHT, WIDTH), keeps_sound=keeps_sound)


@pytest.mark.parametrize(
    ("suffix", "codec", "tolerance_s"),
    # Matroska's times are milliseconds.
    [
        (".mp4", "aac", 2.5e-4),
        (".mkv", "aac", 1.25e-3),
        (".mkv", "flac", 1.25e-3),
        (".ts", "aac", 2.5e-4),
        (".avi", "pcm_s16le", 2.5e-4),
    ],
)
def test_the_sound_of_a_span_is_where_it_was_to_the_sample(
    tmp_path: Path, suffix: str, codec: str, tolerance_s: float
) -> None:
    path = film(tmp_path / f"film{suffix}", chirps(0.5, 1.25, 1.9, 2.6), codec=codec)

    made = cut_of(path, 1.0, 2.5)

    samples, rate_hz = heard(made)

    assert rate_hz == 48_000
    assert peaks_s(samples, rate_hz) == pytest.approx([0.25, 0.9], abs=tolerance_s)
    assert samples.shape[1] == pytest.approx(made.num_frames / FPS * rate_hz, abs=1024)


def test_a_whole_file_keeps_its_sound(tmp_path: Path) -> None:
    stereo = np.concatenate([chirps(0.5), chirps(2.0)])

    samples, rate_hz = heard(cut_of(film(tmp_path / "film.mp4", stereo)))

    assert len(samples) == 2
    assert peaks_s(samples, rate_hz) == pytest.approx([0.5], abs=2.5e-4)
    assert peaks_s(samples[1:], rate_hz) == pytest.approx([2.0], abs=2.5e-4)


def test_what_begins_late_and_ends_early_is_silent_there(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", chirps(0.2, seconds=1.0), late_s=1.0)

    samples, rate_hz = heard(cut_of(path, 0.5, 2.75))

    assert peaks_s(samples, rate_hz) == pytest.approx([0.7], abs=1.25e-3)  # the file's own edit list is in milliseconds
    assert np.abs(samples[:, : round(0.4 * rate_hz)]).max() < 1e-3
    assert np.abs(samples[:, round(1.7 * rate_hz) :]).max() < 1e-3


def test_a_rate_that_aac_has_not_becomes_the_usual_one_at_the_same_pitch(tmp_path: Path) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * 11_025) / 11_025)).astype(np.float32)[None]
    path = film(tmp_path / "film.mkv", tone, rate_hz=11_025, codec="pcm_f32le")

    samples, rate_hz = heard(cut_of(path, 0.5, 2.5))

    assert rate_hz == 48_000
    spectrum = np.abs(np.fft.rfft(samples[0, : 2 * rate_hz - 4096]))
    assert spectrum.argmax() * rate_hz / (2 * rate_hz - 4096) == pytest.approx(440, abs=1)


def test_six_channels_become_two(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", chirps(1.0, channels=6), codec="flac")

    samples, rate_hz = heard(cut_of(path))

    assert len(samples) == 2
    assert peaks_s(samples, rate_hz) == pytest.approx([1.0], abs=1.25e-3)


@pytest.mark.parametrize("keeps_sound", [True, False])
def test_a_cut_without_sound_has_no_track(tmp_path: Path, keeps_sound: bool) -> None:
    sound = None if keeps_sound else chirps(0.5)

    made = cut_of(film(tmp_path / "film.mp4", sound), keeps_sound=keeps_sound)

    with av.open(io.BytesIO(made.mp4), "r") as container:
        assert len(container.streams.video) == 1
        assert not container.streams.audio


def test_a_clip_behind_the_end_of_the_sound_has_no_track(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", chirps(0.2, seconds=1.0))

    with av.open(io.BytesIO(cut_of(path, 1.5, 2.75).mp4), "r") as container:
        assert not container.streams.audio


def test_damaged_sound_is_silent_and_the_clip_is_kept(tmp_path: Path) -> None:
    content = bytearray(film(tmp_path / "film.ts", chirps(0.5, 2.5)).read_bytes())
    track = [
        start for start in range(0, len(content), 188) if (content[start + 1] & 0x1F) << 8 | content[start + 2] == 0x101
    ]
    for start in track[len(track) // 3 : len(track) // 2]:
        content[start + 8 : start + 188] = bytes(180)
    (tmp_path / "damaged.ts").write_bytes(content)

    samples, rate_hz = heard(cut_of(tmp_path / "damaged.ts"))

    assert peaks_s(samples, rate_hz)[-1] == pytest.approx(2.5, abs=2.5e-4)
