"""Between video files and arrays: decode by presentation time at 24 frames per second (B.2), write H.264."""

import io
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8

from dataset_schema import FRAMES_PER_SECOND, Bucket

Video = UInt8[np.ndarray, "frames height width 3"]

# Containers round times to their ticks: frames that start this little later are already on show.
_ROUNDING_S = 1e-3
# And durations: the last frame may stay on show this much longer to fill the bucket.
_STRETCH_S = 1 / FRAMES_PER_SECOND
# Key frames may be indexed by decoding time, which is earlier than presentation time.
_SEEK_MARGIN_S = 1.0


def decode_clip(video: bytes | Path, bucket: Bucket, *, start_s: float = 0.0) -> Video:
    """The clip that starts at `start_s`, at 24 frames per second, upright, scaled and centre-cropped to the bucket.

    Frame k is the one on show in the middle of the k-th 1/24 s after the start.

    Args:
        video: the file's content, or its path.
        bucket: the size to fill.
        start_s: presentation time, counted from the start of the container.

    Raises:
        ValueError: the video cannot be decoded, or ends before the bucket is full.
    """
    source = io.BytesIO(video) if isinstance(video, bytes) else os.fspath(video)
    try:
        with av.open(source, "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # clips are decoded side by side, not slices of one
            return _fit_all(_frames_on_show(container, stream, bucket.frames, start_s), stream, bucket)
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError(f"video cannot be decoded ({error}); curate its clip again") from error


def write_video(path: Path, video: Video, *, fps: float = FRAMES_PER_SECOND) -> None:
    """Write an H.264 mp4 that every player opens; height and width must be even."""
    _, height, width, _ = video.shape
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "18"}
        for image in video:
            container.mux(stream.encode(VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _frames_on_show(
    container: av.container.InputContainer, stream: VideoStream, count: int, start_s: float
) -> Iterator[VideoFrame]:
    shown, last, first_s, shown_until_s = 0, None, start_s, start_s
    for time_s, frame in _timed_frames(container, stream, start_s):
        if last is None:
            first_s = max(start_s, time_s)
        while last is not None and shown < count and _middle_s(first_s, shown) < time_s - _ROUNDING_S:
            yield last
            shown += 1
        if shown == count:
            return
        last, shown_until_s = frame, time_s + float((frame.duration or 0) * (frame.time_base or 0))
    while last is not None and shown < count and _middle_s(first_s, shown) < shown_until_s + _STRETCH_S:
        yield last
        shown += 1
    if shown < count:
        raise ValueError(
            f"video has {shown} frames at 24 frames per second after {start_s:g} s, expected {count}; "
            "curate its clip again"
        )


def _middle_s(first_s: float, frame: int) -> float:
    return first_s + (frame + 0.5) / FRAMES_PER_SECOND


def _timed_frames(
    container: av.container.InputContainer, stream: VideoStream, start_s: float
) -> Iterator[tuple[float, VideoFrame]]:
    """Frames with their presentation times, from a key frame before `start_s` on.

    Those of a raw stream are counted, and those of AVI, which keeps no presentation times: what FFmpeg guesses is wrong
    where frames are reordered.
    """
    origin_s = (container.start_time or 0) / av.time_base
    is_counted = container.format.name == "avi"
    if start_s > _SEEK_MARGIN_S and not is_counted:
        container.seek(round((start_s - _SEEK_MARGIN_S + origin_s) * av.time_base))
    for index, frame in enumerate(container.decode(stream)):
        if frame.time is not None and not is_counted:
            yield frame.time - origin_s, frame
        else:
            yield float(index / (stream.average_rate or FRAMES_PER_SECOND)), frame


def _fit_all(frames: Iterator[VideoFrame], stream: VideoStream, bucket: Bucket) -> Video:
    """The frames in the size of the bucket. At no time more than one of them is kept in its own size."""
    video = np.empty((bucket.frames, bucket.height, bucket.width, 3), np.uint8)
    pixel_aspect = float(stream.sample_aspect_ratio or 1)
    scaler = VideoReformatter()  # keeps its filter tables, which take longer to make than a frame to scale
    shown_before = None
    for place, frame in enumerate(frames):
        is_repeated = frame is shown_before
        video[place] = video[place - 1] if is_repeated else _fit(frame, bucket, pixel_aspect, scaler)
        shown_before = frame
    return video


def _fit(
    frame: VideoFrame, bucket: Bucket, pixel_aspect: float, scaler: VideoReformatter
) -> UInt8[np.ndarray, "height width 3"]:
    """The frame as a viewer shows it, as small as covers the bucket, cropped around its centre."""
    quarter_turns = round(frame.rotation / 90) % 4
    coded_height, coded_width = (bucket.width, bucket.height) if quarter_turns % 2 else (bucket.height, bucket.width)
    scale = max(coded_height / frame.height, coded_width / (frame.width * pixel_aspect))
    height = max(coded_height, round(frame.height * scale))
    width = max(coded_width, round(frame.width * pixel_aspect * scale))
    image = scaler.reformat(frame, width, height, "rgb24", interpolation="BICUBIC", threads=1).to_ndarray()
    top, left = (height - coded_height) // 2, (width - coded_width) // 2
    return np.rot90(image[top : top + coded_height, left : left + coded_width], quarter_turns)
