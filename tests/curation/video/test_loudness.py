"""Loudness against FFmpeg's own meter, and against a tone, which meters may read 0.1 off (EBU Tech 3341)."""

import math
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.filter import Graph

from curation.video.loudness import loudness_of
from video_reading.sound import Sound

RATE_HZ = 48_000


def sound(values: Any, rate_hz: int = RATE_HZ) -> Sound:
    return Sound(samples=np.atleast_2d(values).astype(np.float32), rate_hz=rate_hz)


def tone(decibels: float, *, hz: float = 997.0, seconds: float = 5.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.asarray(10 ** (decibels / 20) * np.sin(2 * np.pi * hz * times_s))


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_the_reference_tone_has_the_loudness_that_the_standard_says(rate_hz: int) -> None:
    # BS.1770: a full-scale sine of 997 Hz in one channel reads -3.01.
    assert loudness_of(sound(tone(0.0, rate_hz=rate_hz), rate_hz)).lufs == pytest.approx(-3.01, abs=0.1)
    assert loudness_of(sound(tone(-20.0, rate_hz=rate_hz), rate_hz)).lufs == pytest.approx(-23.01, abs=0.1)


@pytest.mark.parametrize("channels", [1, 2])
def test_it_is_what_the_meter_of_ffmpeg_reads(channels: int) -> None:
    rng = np.random.default_rng(channels)
    kernel = np.hanning(31) / np.hanning(31).sum()  # speech has little above 3 kHz
    speech = np.stack([np.convolve(each, kernel, "same") for each in rng.normal(size=(channels, 8 * RATE_HZ))])
    speech = (0.2 * speech * np.repeat(rng.uniform(0, 1, 16), RATE_HZ // 2)).astype(np.float32)
    speech[:, 5 * RATE_HZ : 6 * RATE_HZ] = 0

    assert loudness_of(sound(speech)).lufs == pytest.approx(read_by_ffmpeg(speech), abs=0.02)


def read_by_ffmpeg(samples: np.ndarray) -> float:
    layout = "mono" if len(samples) == 1 else "stereo"
    graph = Graph()
    source = graph.add(
        "abuffer", f"sample_rate={RATE_HZ}:sample_fmt=fltp:channel_layout={layout}:time_base=1/{RATE_HZ}"
    )
    graph.link_nodes(source, graph.add("ebur128", "metadata=1:framelog=quiet"), graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    graph.push(frame)
    graph.push(None)
    read = math.nan
    with suppress(av.error.EOFError):
        while True:
            read = float(graph.pull().metadata["lavfi.r128.I"])
    return read


def test_what_is_silent_is_counted_and_does_not_make_the_rest_quieter() -> None:
    half = np.concatenate([tone(-20.0, seconds=4.0), np.zeros(4 * RATE_HZ)])

    found = loudness_of(sound(half))

    assert found.silence == pytest.approx(0.5, abs=0.02)
    assert found.lufs == pytest.approx(-23.01, abs=0.3)  # blocks that are part silent count


def test_noise_too_faint_to_be_heard_is_silence_at_the_gate() -> None:
    faint = 1e-5 * np.random.default_rng(0).normal(size=3 * RATE_HZ)

    assert vars_of(loudness_of(sound(faint))) == (-70.0, 1.0)
    assert vars_of(loudness_of(sound(np.zeros(RATE_HZ // 20)))) == (-70.0, 1.0)


def vars_of(found: Any) -> tuple[float, float]:
    return found.lufs, found.silence
