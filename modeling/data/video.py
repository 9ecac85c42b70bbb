"""Between video files and arrays: decode by presentation time, at 24 frames per second (B.2) or other; write H.264."""

import math
import os
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import av.error
import numpy as np
from jaxtyping import UInt8

from dataset_schema import FRAMES_PER_SECOND, Bucket, FailureKind
from storage.address import Place
from video_reading.clip import OpenedClip, open_clip
from video_reading.constant_pace import images_at_pace
from video_reading.part import Span, VideoPart
from video_reading.recoding import PIXELS, CodedColors, coded
from video_reading.video_error import VideoError

Video = UInt8[np.ndarray, "frames height width 3"]

# What is on show when a window starts began at most so much earlier: curation keeps no clip with a longer frame, unless
# it is told to (`DecodeConfig.max_frame_s`); such a window starts with the next frame.
_LONGEST_FRAME_S = 0.5


def decode_clip(
    video: bytes | Place,
    bucket: Bucket,
    *,
    start_s: float = 0.0,
    window_s: float = 0.0,
    fps: float = FRAMES_PER_SECOND,
) -> Video:
    """The clip that starts at `start_s`, scaled and centre-cropped to the bucket.

    Its frames are those that curation sees, shown as they are there: upright, in the same colors and proportions. Frame
    k is the one on show in the middle of the k-th 1/24 s, or 1/`fps`, after the window starts.

    Args:
        video: the file's content, or where it lies.
        bucket: the size to fill.
        start_s: presentation time, counted from the start of the container.
        window_s: how much later than the clip the window starts; with 0 it starts with the clip's first frame.
        fps: frames per second.

    Raises:
        ValueError: the video cannot be decoded, or ends before the bucket is full.
    """
    from_s = start_s + window_s if window_s else None
    decodes_from_s = start_s if from_s is None else max(start_s, from_s - _LONGEST_FRAME_S)
    part = VideoPart(file=video, span=Span(start_s=decodes_from_s or None))
    enough_s = bucket.frames / fps + start_s + window_s - decodes_from_s
    try:
        with open_clip(part, enough_s=enough_s) as clip:
            decoded = _decode(clip, bucket, from_s, fps)
    except (VideoError, av.error.FFmpegError) as error:
        raise ValueError(f"video cannot be decoded ({error}); curate its clip again") from error
    if len(decoded) < bucket.frames:
        raise ValueError(
            f"video has {len(decoded)} frames at {fps:g} frames per second after {start_s + window_s:g} s, expected "
            f"{bucket.frames}; curate its clip again"
        )
    return decoded


def write_video(path: Path | str, video: Video, *, fps: float = FRAMES_PER_SECOND) -> None:
    """Write an H.264 mp4 that every player opens, whatever the path ends in; its folder is made if there is none.

    Args:
        path: of the file.
        video: RGB.
        fps: of a sampled video those of its model, `pipeline.config.model.fps`.

    Raises:
        ValueError: height or width is odd, which players do not open; it is no RGB video of at least one frame; or
            `fps` is no positive number.
    """
    if video.ndim != 4 or not video.shape[0] or video.shape[3] != 3 or video.dtype != np.uint8:
        raise ValueError(f"video is {video.dtype} {video.shape}, expected uint8 (frames, height, width, 3)")
    _, height, width, _ = video.shape
    if height % 2 or width % 2:
        raise ValueError(f"video is {height}x{width} (height x width), expected even sides; crop or scale it")
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"fps is {fps}, expected a positive number of frames a second")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with av.open(os.fspath(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, PIXELS
        stream.options = {"crf": "18"}
        CodedColors.of_height(height).tag(stream)
        for image in video:
            container.mux(stream.encode(coded(image)))
        container.mux(stream.encode())


def _decode(clip: OpenedClip, bucket: Bucket, from_s: float | None, fps: float) -> Video:
    """At no time is more than one frame kept in its own size.

    Containers round durations: the last frame may stay on show one frame longer to fill the bucket.
    """
    video = np.empty((bucket.frames, bucket.height, bucket.width, 3), np.uint8)
    images = images_at_pace(
        clip,
        fps=fps,
        height=bucket.height,
        width=bucket.width,
        from_s=from_s,
        stretch_s=1 / fps,
    )
    count = 0
    for count, image in enumerate(islice(images, bucket.frames), start=1):
        video[count - 1] = image
    if clip.frames.trouble.refused:
        raise VideoError(FailureKind.CORRUPT, f"has packets that are not valid: {clip.frames.trouble.refused}")
    return video[:count]
