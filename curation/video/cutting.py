"""Cuts a clip out of its video exactly: one decoding pass, one encoding, no temporary file."""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av

from curation.records import Image
from curation.stage import ClipError
from curation.video.opening import open_video
from curation.video.pictures import Pictures
from curation.video.requests import Cut, CutRequest
from curation.video.timeline import read_timeline
from curation.video.upright import Look
from dataset_schema import FailureKind

# Our choice: visually lossless H.264, quick to encode, with a key frame every second for readers that seek.
_ENCODING: Final = {"preset": "veryfast", "crf": "18", "threads": "1"}
_KEY_FRAME_EVERY_S: Final = 1.0
_ROUNDING_S: Final = 1e-6


def cut(request: CutRequest) -> Cut:
    """Cut a clip.

    Raises:
        ClipError: there is no clip to be had.
    """
    part = request.part
    timeline = read_timeline(part)
    with open_video(part) as video:
        pictures = Pictures(video, timeline, part)
        images = _fitted(pictures, video.sample_aspect, request.height, request.width)
        file = io.BytesIO()
        num_frames = _encode(file, _paced(images, timeline.end_s, request.fps), request)
    if not num_frames:
        raise ClipError(FailureKind.CORRUPT, f"no frame of the span {part.span} can be decoded; leave it out")
    return Cut(mp4=file.getvalue(), num_frames=num_frames)


def _fitted(pictures: Pictures, sample_aspect: Fraction, height: int, width: int) -> Iterator[tuple[float, Image]]:
    """Each frame with its time, scaled to cover the size and cropped around its centre."""
    paint = None
    top = left = 0
    for picture in pictures:
        if paint is None:
            look = Look.of(picture.frame, sample_aspect)
            scale = max(height / look.size[0], width / look.size[1])
            covering = max(height, round(look.size[0] * scale)), max(width, round(look.size[1] * scale))
            top, left = (covering[0] - height) // 2, (covering[1] - width) // 2
            paint = look.painter(*covering)
        yield picture.time_s, paint(picture.frame)[top : top + height, left : left + width]


def _paced(images: Iterator[tuple[float, Image]], end_s: float, fps: float) -> Iterator[Image]:
    """At a constant pace, the image on show at each moment; as many as fit before `end_s`.

    A moment is half a step late: rounded times of a video that already runs at `fps` then cannot pick a neighbour, and
    a clip that lacks half a frame of its bucket still fills it.
    """
    on_show: Image | None = None
    first_s = 0.0
    count = 0
    for time_s, image in images:
        if on_show is None:
            first_s = time_s
        while on_show is not None and first_s + (count + 0.5) / fps < time_s:
            yield on_show
            count += 1
        on_show = image
    while on_show is not None and first_s + (count + 0.5) / fps <= end_s + _ROUNDING_S:
        yield on_show
        count += 1


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
