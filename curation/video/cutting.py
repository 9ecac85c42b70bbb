"""Cuts a clip out of its video exactly: one decoding pass, one encoding, no temporary file."""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
from av.video.frame import PictureType

from curation.stage import ClipError
from curation.video.requests import Cut, CutRequest
from dataset_schema import FailureKind
from video_reading.clip import open_clip
from video_reading.constant_pace import at_pace
from video_reading.recoding import PIXELS, CodedColors, recoder

# Our choice: visually lossless H.264, quick to encode, with a key frame every second for readers that seek.
ENCODING: Final = {"preset": "veryfast", "crf": "18", "threads": "1"}
_KEY_FRAME_EVERY_S: Final = 1.0


def cut(request: CutRequest) -> Cut:
    """Cut a clip; it has as many frames as fit before its end.

    Raises:
        ClipError: no frame can be decoded.
        VideoError: there is no such clip.
    """
    file = io.BytesIO()
    with open_clip(request.part) as clip:
        frames = at_pace(clip, lambda look: recoder(look, request.height, request.width), fps=request.fps)
        num_frames = _encode(file, frames, request)
    if not num_frames:
        raise ClipError(FailureKind.CORRUPT, f"no frame of the span {request.part.span} can be decoded; leave it out")
    return Cut(mp4=file.getvalue(), num_frames=num_frames)


def _encode(file: io.BytesIO, frames: Iterator[av.VideoFrame], request: CutRequest) -> int:
    rate = Fraction(request.fps).limit_denominator(1001)
    count = 0
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate, options=ENCODING)
        stream.width, stream.height, stream.pix_fmt = request.width, request.height, PIXELS
        stream.codec_context.gop_size = max(1, round(_KEY_FRAME_EVERY_S * request.fps))
        CodedColors.of_height(request.height).tag(stream)
        for count, frame in enumerate(frames, start=1):
            frame.pts, frame.time_base = count - 1, 1 / rate
            frame.pict_type = PictureType.NONE  # the encoder chooses, whatever the frame was in its source
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return count
