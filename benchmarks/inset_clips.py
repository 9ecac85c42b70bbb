"""Clips composed with and without a picture laid over them, as every stage of curation would get them.

What is filmed and what lies over it are drawn by `worlds.filmed`. Each clip comes twice, with its inset and without, so
that whatever else is in it is in both.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np

from curation.records import Frames, Image, ReferenceFrame, Video
from curation.video.sampling import (
    CONTENT_FRAMES,
    CONTENT_SIDE,
    REFERENCE_POSITIONS,
    THUMBNAIL_HEIGHT,
    THUMBNAIL_WIDTH,
)
from worlds.chances import Rng, between, chance, choose
from worlds.filmed import add_editing, compress, film_desirable
from worlds.filmed.insets import Area, lay_over

_HEIGHT: Final = 288
_WIDTH: Final = 512
_FRAMES: Final = 48
_FPS: Final = 24


class Pair(NamedTuple):
    """The same clip without an inset and with one."""

    without: Frames
    with_inset: Frames


def compose_pair(seed: int, index: int) -> Pair:
    """The pair of this index: a webcam in a corner, or now and then a still picture that pops up."""
    rng = np.random.default_rng([seed, index])
    times_s = np.arange(_FRAMES) / _FPS * choose(rng, [1.0, 2.0, 4.0])
    below = film_desirable(rng, times_s, _HEIGHT, _WIDTH)
    above = below.copy()
    if chance(rng, 0.8):
        _add_webcam(rng, above, times_s)
    else:
        _add_pop_up(rng, above)
    fate = int(rng.integers(1 << 30))
    edited = [add_editing(np.random.default_rng(fate), video) for video in (below, above)]
    coded = [frames_of(compress(np.random.default_rng(fate), video)) for video in edited]
    return Pair(*coded)


def frames_of(video: Video) -> Frames:
    """What decoding keeps of a video, at the video's own size."""
    count = len(video)
    content = ((np.arange(CONTENT_FRAMES) + 0.5) / CONTENT_FRAMES * count).astype(int)
    references = [int(position * (count - 1)) for position in REFERENCE_POSITIONS]
    times_s = np.arange(count) / _FPS
    return Frames(
        thumbnails=_resized(video, THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH),
        times_s=times_s,
        content=_resized(video[content], CONTENT_SIDE, CONTENT_SIDE),
        content_times_s=times_s[content],
        reference_frames=tuple(_reference(video[index], index) for index in references),
    )


def _add_webcam(rng: Rng, video: Video, times_s: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    width = int(between(rng, 0.14, 0.32) * _WIDTH)
    height = min(int(width * choose(rng, [0.56, 0.75, 1.0])), _HEIGHT // 2)
    gap = int(between(rng, 0.01, 0.04) * _WIDTH) if chance(rng, 0.5) else 0
    left, top = choose(rng, [gap, _WIDTH - width - gap]), choose(rng, [gap, _HEIGHT - height - gap])
    lay_over(
        rng, video, film_desirable(rng, times_s, height, width), Area(left=left, top=top, height=height, width=width)
    )


def _add_pop_up(rng: Rng, video: Video) -> None:
    height, width = int(between(rng, 0.25, 0.5) * _HEIGHT), int(between(rng, 0.25, 0.6) * _WIDTH)
    left, top = int(rng.integers(_WIDTH - width)), int(rng.integers(_HEIGHT - height))
    begins = int(rng.integers(4, _FRAMES // 2))
    still = film_desirable(rng, np.array([0.0, 1.0]), height, width)[0]
    video[begins:, top : top + height, left : left + width] = still


def _reference(image: Image, index: int) -> ReferenceFrame:
    time_s = index / _FPS
    return ReferenceFrame(
        index=index, time_s=time_s, image=image, neighbours=image[None], neighbour_times_s=(time_s,), centre=0
    )


def _resized(video: Video, height: int, width: int) -> Video:
    frames = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in video]
    return np.stack(frames).astype(np.uint8)
