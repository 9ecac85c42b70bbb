"""Cuts a clip out of its video exactly: one decoding pass, one encoding, no temporary file."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Final

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType

from video_reading.clip import open_clip
from video_reading.constant_pace import at_pace
from video_reading.part import VideoPart
from video_reading.recoding import PIXELS, CodedColors, recoder
from video_reading.sound import Sound, sound_of

# Our choice: visually lossless H.264, quick to encode, with a key frame every second for readers that seek.
ENCODING: Final = {"preset": "veryfast", "crf": "18", "threads": "1"}
_KEY_FRAME_EVERY_S: Final = 1.0
# Our choice: AAC as streams of high quality have it.
_BITS_PER_S: Final = {"mono": 96_000, "stereo": 160_000}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CutVideo:
    """A clip cut out of its video.

    Attributes:
        num_frames: 0 if none can be decoded.
        sound: None if it has none.
    """

    mp4: bytes
    num_frames: int
    sound: Sound | None


def cut_video(
    part: VideoPart,
    *,
    fps: float,
    size: tuple[int, int],
    keeps_sound: bool,
    most_frames: int | None = None,
    stretch_s: float = 0.0,
) -> CutVideo:
    """Cut a clip; it has as many frames as fit before its end.

    Args:
        part: the clip.
        fps: frames per second of the cut.
        size: (height, width) of the cut, even; the pictures cover it and are cropped around their centre.
        keeps_sound: whether the cut has the sound of its source.
        most_frames: after which the cut ends; None is the clip's end.
        stretch_s: how much longer than the clip its last frame may be on show.

    Raises:
        VideoError: there is no such clip.
    """
    file = io.BytesIO()
    with open_clip(part) as clip:
        end_s = clip.timeline.end_s + stretch_s
        sound = None
        if keeps_sound and clip.video.container.streams.audio:  # else the file is not opened twice
            begin_s = float(clip.timeline.times_s[0])
            sound = sound_of(clip.file, from_s=begin_s, to_s=end_s, max_pixels=part.max_pixels)
        frames = at_pace(clip, lambda look: recoder(look, *size), fps=fps, stretch_s=stretch_s)
        num_frames = _encode(file, islice(frames, most_frames), fps, size, sound)
    return CutVideo(mp4=file.getvalue(), num_frames=num_frames, sound=sound)


def _encode(
    file: io.BytesIO, frames: Iterator[av.VideoFrame], fps: float, size: tuple[int, int], sound: Sound | None
) -> int:
    rate = Fraction(fps).limit_denominator(1001)
    count = 0
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate, options=ENCODING)
        (stream.height, stream.width), stream.pix_fmt = size, PIXELS
        stream.codec_context.gop_size = max(1, round(_KEY_FRAME_EVERY_S * fps))
        CodedColors.of_height(size[0]).tag(stream)
        track = None if sound is None else _Track(output, sound)
        for count, frame in enumerate(frames, start=1):
            frame.pts, frame.time_base = count - 1, 1 / rate
            frame.pict_type = PictureType.NONE  # the encoder chooses, whatever the frame was in its source
            output.mux(stream.encode(frame))
            if track is not None:
                track.write(until_s=count / fps)
        output.mux(stream.encode())
        if track is not None:
            track.close()
    return count


class _Track:
    """The sound of a cut, written beside its frames."""

    def __init__(self, output: OutputContainer, sound: Sound) -> None:
        self._output, self._sound = output, sound
        self._stream = output.add_stream("aac", rate=sound.rate_hz, layout=sound.layout)
        self._stream.bit_rate = _BITS_PER_S[sound.layout]
        self._written = 0

    def write(self, *, until_s: float) -> None:
        """Write what is heard until then."""
        end = min(round(until_s * self._sound.rate_hz), self._sound.samples.shape[1])
        samples = np.ascontiguousarray(self._sound.samples[:, self._written : end])
        if not samples.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._sound.layout)
        frame.sample_rate, frame.pts, frame.time_base = (
            self._sound.rate_hz,
            self._written,
            Fraction(1, self._sound.rate_hz),
        )
        self._output.mux(self._stream.encode(frame))
        self._written = end

    def close(self) -> None:
        """Write what the encoder still holds."""
        self._output.mux(self._stream.encode(None))
