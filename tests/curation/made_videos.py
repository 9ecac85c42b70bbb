"""Videos made on the spot, whose every frame carries its own index."""

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from curation.records import Clip, Image
from curation.video.requests import DecodeRequest
from dataset_schema import Source
from video_reading.part import Span, VideoPart

_BITS = 10
_FINE_TICK = Fraction(1, 24000)


def barcode(index: int, height: int = 180, width: int = 320) -> Image:
    """A frame with ten vertical bars, white or black: the bits of its index, the highest one on the left."""
    bits = [(index >> bit) & 1 for bit in reversed(range(_BITS))]
    row = np.repeat(np.array(bits, np.uint8) * 180 + 40, -(-width // _BITS))[:width]
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def read_barcode(image: Image) -> int:
    """The index on a frame, at any size."""
    height, width = image.shape[:2]
    centres = ((np.arange(_BITS) + 0.5) * width / _BITS).astype(int)
    bits = image[height // 4 : -height // 4, centres].mean(axis=(0, 2)) > 130
    return int("".join(str(int(bit)) for bit in bits), 2)


def corners(height: int = 180, width: int = 320) -> Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = np.empty((height, width, 3), np.uint8)
    top, left = slice(0, height // 2), slice(0, width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    image[top, left], image[top, right] = (220, 20, 20), (20, 200, 20)
    image[bottom, left], image[bottom, right] = (20, 20, 220), (235, 235, 235)
    return image


def add_video(
    output: OutputContainer,
    size: tuple[int, int] = (180, 320),
    *,
    codec: str = "libx264",
    rate: Fraction | int = 24,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> VideoStream:
    """A video stream of (height, width) to encode into."""
    stream = output.add_stream(codec, rate=rate, options=options or {"crf": "12", "threads": "1"})
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = size
    stream.pix_fmt = pix_fmt
    return stream


def add_audio(output: OutputContainer, codec: str) -> AudioStream:
    """A mono audio stream to encode into."""
    stream = output.add_stream(codec, rate=44100)
    assert isinstance(stream, AudioStream)
    return stream


def write_video(
    path: Path,
    images: Iterable[Image],
    *,
    fps: float = 24.0,
    times_s: Sequence[float] | None = None,
    container: str | None = None,
    key_frame_every: int = 250,
    sample_aspect: Fraction = Fraction(1),
    **codec_settings: Any,
) -> Path:
    """Encode images; `times_s` makes the frame rate variable."""
    rate = Fraction(fps).limit_denominator(1001)
    tick = 1 / rate if times_s is None else _FINE_TICK
    images = iter(images)
    first = next(images)
    with av.open(path, "w", format=container) as output:
        stream = add_video(output, first.shape[:2], rate=rate, **codec_settings)
        stream.codec_context.time_base = tick
        stream.codec_context.gop_size = key_frame_every
        stream.codec_context.sample_aspect_ratio = sample_aspect
        for index, image in enumerate(chain([first], images)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts = index if times_s is None else round(times_s[index] / tick)
            frame.time_base = tick
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def write_barcodes(path: Path, count: int, **settings: Any) -> Path:
    """A video of `count` frames that carry 0, 1, 2, ..."""
    return write_video(path, (barcode(index) for index in range(count)), **settings)


def decoded_images(source: Path | bytes) -> list[Image]:
    """Every frame of a video, by a plain reading without any of this project's code."""
    with av.open(io.BytesIO(source) if isinstance(source, bytes) else source, "r") as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def part_of(path: Path, start_s: float | None = None, end_s: float | None = None) -> VideoPart:
    return VideoPart(file=path, span=Span(start_s=start_s, end_s=end_s), max_pixels=1 << 26)


def decode_request(
    path: Path, start_s: float | None = None, end_s: float | None = None, *, max_duration_s: float = 600.0
) -> DecodeRequest:
    return DecodeRequest(part=part_of(path, start_s, end_s), max_duration_s=max_duration_s, reference_long_side=1280)


def clip_of(path: Path, start_s: float | None = None, end_s: float | None = None) -> Clip:
    source = Source(id="0" * 16, uri=str(path), start_s=start_s, end_s=end_s)
    return Clip(clip_id="0" * 16, source=source, caption="A dog runs.")
