"""The sound of a part of a video, as long as its pictures: what is missing is silence."""

from collections.abc import Iterator
from typing import Final

import av
import av.error
import numpy as np
import numpy.typing as npt

from video_reading.opening import OpenedVideo

SAMPLES_PER_S: Final = 48_000
_CHANNELS: Final = 2

# Coded sound begins before it is heard.
_LEAD_S: Final = 0.5

Sound = npt.NDArray[np.float32]  # (channels, samples)


def read_sound(video: OpenedVideo, *, start_s: float, duration_s: float) -> Sound | None:
    """The best sound stream of an open file, stereo at 48 kHz; None where it has none that can be decoded.

    Each piece is put where its time says, so that gaps are silent and nothing drifts.
    """
    stream = next(iter(video.container.streams.audio), None)
    if stream is None or stream.codec_context is None:
        return None
    sound = np.zeros((_CHANNELS, round(duration_s * SAMPLES_PER_S)), np.float32)
    found = False
    for time_s, piece in _pieces(video, stream.index, from_s=start_s - _LEAD_S, to_s=start_s + duration_s):
        at = round((time_s - start_s) * SAMPLES_PER_S)
        begin, end = max(0, at), min(sound.shape[1], at + piece.shape[1])
        if begin < end:
            sound[:, begin:end] = piece[:, begin - at : end - at]
            found = True
    return sound if found else None


def _pieces(video: OpenedVideo, stream: int, *, from_s: float, to_s: float) -> Iterator[tuple[float, Sound]]:
    """Decoded pieces, each with its presentation time."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLES_PER_S)
    for frame in _frames(video, stream, from_s=from_s):
        if frame.time is None:
            continue
        if frame.time - video.origin_s >= to_s:
            return
        for each in resampler.resample(frame):
            if each.time is not None:
                yield each.time - video.origin_s, each.to_ndarray().astype(np.float32, copy=False)


def _frames(video: OpenedVideo, stream: int, *, from_s: float) -> Iterator[av.AudioFrame]:
    if from_s > 0:
        video.container.seek(int((from_s + video.origin_s) * av.time_base))
    packets = video.container.demux(video.container.streams[stream])
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return  # the file ends early: silence follows
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue  # a damaged piece is silent
        yield from (frame for frame in frames if isinstance(frame, av.AudioFrame))
