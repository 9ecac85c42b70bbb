"""Cuts a clip out of its video exactly: one decoding pass, one encoding, no temporary file."""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType

from curation.stage import ClipError
from curation.video.loudness import loudness_of
from curation.video.requests import Cut, CutRequest
from curation.video.sound import Sound, sound_of
from dataset_schema import FailureKind
from video_reading.clip import open_clip
from video_reading.constant_pace import at_pace
from video_reading.recoding import PIXELS, CodedColors, recoder

# Our choice: visually lossless H.264, quick to encode, with a key frame every second for readers that seek.
ENCODING: Final = {"preset": "veryfast", "crf": "18", "threads": "1"}
_KEY_FRAME_EVERY_S: Final = 1.0
# Our choice: AAC as streams of high quality have it.
_BITS_PER_S: Final = {"mono": 96_000, "stereo": 160_000}


def cut(request: CutRequest) -> Cut:
    """Cut a clip; it has as many frames as fit before its end.

    Raises:
        ClipError: no frame can be decoded.
        VideoError: there is no such clip.
    """
    file = io.BytesIO()
    with open_clip(request.part) as clip:
        first_s = float(clip.timeline.times_s[0])
        sound = sound_of(request.part, from_s=first_s, to_s=clip.timeline.end_s) if request.keeps_sound else None
        frames = at_pace(clip, lambda look: recoder(look, request.height, request.width), fps=request.fps)
        num_frames = _encode(file, frames, request, sound)
    if not num_frames:
        raise ClipError(FailureKind.CORRUPT, f"no frame of the span {request.part.span} can be decoded; leave it out")
    loudness = None if sound is None else loudness_of(sound)
    return Cut(mp4=file.getvalue(), num_frames=num_frames, loudness=loudness)


def _encode(file: io.BytesIO, frames: Iterator[av.VideoFrame], request: CutRequest, sound: Sound | None) -> int:
    rate = Fraction(request.fps).limit_denominator(1001)
    count = 0
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate, options=ENCODING)
        stream.width, stream.height, stream.pix_fmt = request.width, request.height, PIXELS
        stream.codec_context.gop_size = max(1, round(_KEY_FRAME_EVERY_S * request.fps))
        CodedColors.of_height(request.height).tag(stream)
        track = None if sound is None else _Track(output, sound)
        for count, frame in enumerate(frames, start=1):
            frame.pts, frame.time_base = count - 1, 1 / rate
            frame.pict_type = PictureType.NONE  # the encoder chooses, whatever the frame was in its source
            output.mux(stream.encode(frame))
            if track is not None:
                track.write(until_s=count / request.fps)
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
