"""Labelled clips: the same seed and index give the same clip, whatever was generated before."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from curation.annotators.protocols import CONTENT_CLASSES
from curation.records import Video
from curation.video.sampling import CONTENT_FRAMES, CONTENT_SIDE
from worlds.arrays import PerFrame
from worlds.chances import Rng, chance, log_between
from worlds.filmed import (
    add_editing,
    compress,
    film_desirable,
    film_screen_in_screen,
    film_screen_recording,
    film_slight_motion,
    film_still_image,
)

_FILMS: dict[str, Callable[[Rng, PerFrame, int, int], Video]] = {
    "desirable": film_desirable,
    "still_foreground": film_still_image,
    "slight_motion": film_slight_motion,
    "screen_in_screen": film_screen_in_screen,
    "screen_recording": film_screen_recording,
}


class LabelledClip(NamedTuple):
    """Frames as the content filter gets them, (16, 224, 224, 3), and the index of their class in CONTENT_CLASSES."""

    frames: Video
    label: int


def generate_clip(seed: int, index: int) -> LabelledClip:
    """The clip of this index; labels take turns, so that any five in a row hold every class once."""
    label = index % len(CONTENT_CLASSES)
    rng = np.random.default_rng([seed, index])
    times_s = _sampling_times(rng)
    name = CONTENT_CLASSES[label]
    frames = _FILMS[name](rng, times_s, CONTENT_SIDE, CONTENT_SIDE)
    if name != "screen_recording" or chance(rng, 0.2):
        frames = add_editing(rng, frames)
    frames = compress(rng, frames)
    if chance(rng, 0.5):
        frames = np.ascontiguousarray(frames[:, :, ::-1])
    return LabelledClip(frames, label)


def _sampling_times(rng: Rng) -> PerFrame:
    """When the 16 frames of a clip of two seconds to half a minute are taken."""
    duration_s = log_between(rng, 1.8, 25)
    return np.linspace(0, duration_s, CONTENT_FRAMES)
