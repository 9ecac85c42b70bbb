"""Cuts a clip out of its video exactly: one decoding pass, one encoding, no temporary file."""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av

from curation.records import Image
from curation.stage import ClipError
from curation.video.requests import Cut, CutRequest
from dataset_schema import FailureKind
from video_reading.clip import open_clip
from video_reading.constant_pace import images_at_pace

# Our choice: visually lossless H.264, quick to encode, with a key frame every second for readers that seek.
_ENCODING: Final = {"preset": "veryfast", "crf": "18", "threads": "1"}
_KEY_FRAME_EVERY_S: Final = 1.0


def cut(request: CutRequest) -> Cut:
    """Cut a clip; it has as many frames as fit before its end.

    Raises:
        ClipError: no frame can be decoded.
        VideoError: there is no such clip.
    """
    file = io.BytesIO()
    with open_clip(request.part) as clip:
        images = images_at_pace(clip, fps=request.fps, height=request.height, width=request.width)
        num_frames = _encode(file, images, request)
    if not num_frames:
        raise ClipError(FailureKind.CORRUPT, f"no frame of the span {request.part.span} can be decoded; leave it out")
    return Cut(mp4=file.getvalue(), num_frames=num_frames)


def _encode(file: io.BytesIO, images: Iterator[Image], request: CutRequest) -> int:
    rate = Fraction(request.fps).limit_denominator(1001)
    count = 0
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate, options=_ENCODING)
        stream.width, stream.height, stream.pix_fmt = request.width, request.height, "yuv420p"
        stream.codec_context.gop_size = max(1, round(_KEY_FRAME_EVERY_S * request.fps))
        for count, image in enumerate(images, start=1):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = count - 1
            frame.time_base = 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return count
