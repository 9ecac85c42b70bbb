"""A clip as it is trained on: at a constant pace, each frame fitted to one size."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import av

from video_reading.clip import OpenedClip
from video_reading.look import Look
from video_reading.shown_frames import ShownFrame
from video_reading.tone import Image

Shown = TypeVar("Shown")

# Containers round times to their ticks: a frame that starts a tick later, and at most so much, is already on show.
_MAX_ROUNDING_S: Final = 1e-3


def images_at_pace(
    clip: OpenedClip, *, fps: float, height: int, width: int, from_s: float | None = None, stretch_s: float = 0.0
) -> Iterator[Image]:
    """A clip's pictures, each scaled to cover the size and cropped around its centre; see `at_pace`."""
    return at_pace(clip, lambda look: look.fitter(height, width), fps=fps, from_s=from_s, stretch_s=stretch_s)


def at_pace(
    clip: OpenedClip,
    painter: Callable[[Look], Callable[[av.VideoFrame], Shown]],
    *,
    fps: float,
    from_s: float | None = None,
    stretch_s: float = 0.0,
) -> Iterator[Shown]:
    """What is on show in the middle of each 1 / `fps` after `from_s`, or the first frame's start, until the clip ends.

    In the middle, because rounded times of a video that already runs at `fps` then cannot pick a neighbour, and a clip
    that lacks half a frame of its bucket still fills it. What is on show several times is the same object again. The
    last one may be on show `stretch_s` longer.

    Args:
        clip: opened, none of its frames taken.
        painter: of the clip's look, what paints a frame.
        fps: frames per second.
        from_s: when to begin.
        stretch_s: how much longer than the clip its last frame may be on show.
    """
    rounding_s = min(clip.video.tick_s, _MAX_ROUNDING_S)
    paint = None
    painted: av.VideoFrame | None = None
    shown: Shown | None = None
    for frame in _on_show(clip.frames, from_s, fps, clip.timeline.end_s + stretch_s, rounding_s):
        if paint is None:
            paint = painter(Look.of(frame, clip.video.sample_aspect))
        if shown is None or frame is not painted:
            painted, shown = frame, paint(frame)
        yield shown


def _on_show(
    frames: Iterable[ShownFrame], from_s: float | None, fps: float, end_s: float, rounding_s: float
) -> Iterator[av.VideoFrame]:
    on_show: ShownFrame | None = None
    first_s = 0.0
    count = 0
    for shown in frames:
        if on_show is None:
            first_s = shown.time_s if from_s is None else max(from_s, shown.time_s)
        while on_show is not None and first_s + (count + 0.5) / fps < shown.time_s - rounding_s:
            yield on_show.frame
            count += 1
        on_show = shown
    while on_show is not None and first_s + (count + 0.5) / fps <= end_s + rounding_s:
        yield on_show.frame
        count += 1
