"""The sound of a clip, from the moment of its first frame to the end of its last, to the sample."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler

from video_reading.opening import OpenedVideo, VideoFile, open_video

# What AAC can say of its pace without a rate of its own; others become the usual one.
_RATES_HZ: Final = frozenset({16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
_USUAL_RATE_HZ: Final = 48_000
# Decoders of sound need what stands before to begin clean.
_RUN_UP_S: Final = 0.5
# Our choice: containers round times to milliseconds, which no ear hears; what is further away than this is a gap, or an
# overlap, and is put where its time says.
_TOLERANCE_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """Of a clip; where its source is silent or has none, zeros.

    Attributes:
        samples: (channels, samples), one channel or two, from -1 to 1.
        rate_hz: samples per second.
    """

    samples: npt.NDArray[np.float32]
    rate_hz: int

    @property
    def layout(self) -> str:
        """As FFmpeg names it."""
        return _layout(self.samples)


def sound_of(file: VideoFile, *, from_s: float, to_s: float, max_pixels: int | None) -> Sound | None:
    """The best sound track of a file between two presentation times; None if it has none there.

    What of it is damaged is silent. Of more than two channels, a downmix.

    Raises:
        VideoError: the file cannot be opened.
    """
    for seek_s in (from_s - _RUN_UP_S, None):
        with open_video(file, max_pixels=max_pixels) as video:
            track = video.container.streams.best("audio")
            if track is None:
                return None
            heard = _Heard(from_s=from_s + video.origin_s, to_s=to_s + video.origin_s)
            for frame in _decoded(video, track, seek_s):
                if not heard.hear(frame):
                    break
            if seek_s is None or heard.begins_in_time:
                break
    return heard.sound()


class _Heard:
    """Samples of frames, where their times say; times are those of the container."""

    def __init__(self, *, from_s: float, to_s: float) -> None:
        self._from_s, self._to_s = from_s, to_s
        self._samples: npt.NDArray[np.float32] = np.zeros((1, 0), np.float32)
        self._rate_hz = 0
        self._next = 0
        self._plain: dict[tuple[str, str, int], AudioResampler] = {}
        self._has_any = False
        self.begins_in_time = False

    def hear(self, frame: av.AudioFrame) -> bool:
        """Place a frame; gives whether more are wanted."""
        if not self._rate_hz:
            self._rate_hz = frame.sample_rate
            count = round((self._to_s - self._from_s) * self._rate_hz)
            self._samples = np.zeros((min(frame.layout.nb_channels, 2), count), np.float32)
            start = self._start(frame)
            self.begins_in_time = start <= 0
        else:
            start = self._start(frame)
            if abs(start - self._next) <= _TOLERANCE_S * self._rate_hz:
                start = self._next
        if start >= self._samples.shape[1]:
            return False
        for samples in self._as_floats(frame):
            self._place(samples, start)
            start += samples.shape[1]
        self._next = start
        return True

    def sound(self) -> Sound | None:
        """What was heard, at a rate that AAC has; None if nothing was."""
        if not self._has_any:
            return None
        if self._rate_hz in _RATES_HZ:
            return Sound(samples=self._samples, rate_hz=self._rate_hz)
        return Sound(samples=_resampled(self._samples, self._rate_hz), rate_hz=_USUAL_RATE_HZ)

    def _start(self, frame: av.AudioFrame) -> int:
        return self._next if frame.time is None else round((frame.time - self._from_s) * self._rate_hz)

    def _as_floats(self, frame: av.AudioFrame) -> Iterator[npt.NDArray[np.float32]]:
        """At the pace and with the channels of the first frame; tracks may change both in the middle."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind not in self._plain:
            self._plain[kind] = AudioResampler("fltp", _layout(self._samples), self._rate_hz)
        frame.pts = None
        for each in self._plain[kind].resample(frame):
            yield each.to_ndarray().astype(np.float32, copy=False)

    def _place(self, samples: npt.NDArray[np.float32], start: int) -> None:
        first, end = max(start, 0), min(start + samples.shape[1], self._samples.shape[1])
        if first < end:
            self._samples[:, first:end] = samples[:, first - start : end - start]
            self._has_any = True


def _decoded(video: OpenedVideo, track: Any, seek_s: float | None) -> Iterator[av.AudioFrame]:
    """Frames of a track, from there on or from the start; what cannot be decoded is left out."""
    if seek_s is not None and seek_s > 0:
        with suppress(av.error.FFmpegError):  # files without an index, such as raw streams, are read from their start
            video.container.seek(int((seek_s + video.origin_s) * av.time_base))
    packets = video.container.demux(track)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except (av.error.MemoryError, MemoryError):
            raise
        except av.error.FFmpegError:
            continue


def _resampled(samples: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.float32]:
    layout = _layout(samples)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate = rate_hz
    resampler = AudioResampler("fltp", layout, _USUAL_RATE_HZ)
    parts = [each.to_ndarray() for source in (frame, None) for each in resampler.resample(source)]
    return np.concatenate(parts, axis=1)


def _layout(samples: npt.NDArray[np.float32]) -> str:
    return "mono" if len(samples) == 1 else "stereo"
