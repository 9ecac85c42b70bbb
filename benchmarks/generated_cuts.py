"""Footage with known shot changes, drawn by the project itself: shots of its generated clips, joined in every way.

What must not be found is there, too: flashes, lamps switched on, shaken and swung cameras, repeated frames, windows
that open on a desktop.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import cv2
import numpy as np

from curation.records import Video
from curation.video.sampling import THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH
from worlds.chances import Rng, between, chance, log_between
from worlds.filmed import film_desirable, film_screen_in_screen, film_screen_recording, film_slight_motion

_HEIGHT, _WIDTH = 2 * THUMBNAIL_HEIGHT, 2 * THUMBNAIL_WIDTH
_FPS: Final = 25
_LONG: Final = (30, 90)
_SHORT: Final = (5, 16)


class Made(NamedTuple):
    """Thumbnails of a video and its shot changes, as first and last possible first frame of the new shot."""

    kind: str
    thumbnails: Video
    transitions: tuple[tuple[int, int], ...]


def make_videos(seed: int, of_each: int) -> Iterator[Made]:
    """So many videos of every kind."""
    for number in range(of_each):
        for kind, make in _KINDS.items():
            rng = np.random.default_rng([seed, number, sorted(_KINDS).index(kind)])
            thumbnails, transitions = make(rng)
            yield Made(kind, thumbnails, tuple(transitions))


Changes = list[tuple[int, int]]


def _film(rng: Rng, frames: int) -> Video:
    film = film_desirable if chance(rng, 0.75) else film_slight_motion
    return film(rng, np.arange(frames) / _FPS, _HEIGHT, _WIDTH)


def _thumbnails(video: Video) -> Video:
    size = (THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in video])


def _joined(rng: Rng, lengths: list[int]) -> tuple[Video, Changes]:
    cuts = np.cumsum(lengths)[:-1].tolist()
    return np.concatenate([_thumbnails(_film(rng, length)) for length in lengths]), [(cut, cut) for cut in cuts]


def _hard_cuts(rng: Rng) -> tuple[Video, Changes]:
    return _joined(rng, [int(rng.integers(*_LONG)) for _ in range(3)])


def _short_shots(rng: Rng) -> tuple[Video, Changes]:
    return _joined(rng, [int(rng.integers(*_SHORT)) for _ in range(8)])


def _jump_cut(rng: Rng) -> tuple[Video, Changes]:
    """A shot of which a second or two in the middle are left out."""
    first, left_out, last = (int(rng.integers(*span)) for span in (_LONG, (20, 60), _LONG))
    shot = _thumbnails(_film(rng, first + left_out + last))
    return np.concatenate([shot[:first], shot[first + left_out :]]), [(first, first)]


def _gradual(rng: Rng) -> tuple[Video, Changes]:
    """A dissolve, a fade through black or white, or a wipe."""
    before, after = _thumbnails(_film(rng, 60)), _thumbnails(_film(rng, 60))
    length, kind = int(rng.integers(8, 30)), rng.integers(4)
    share = (np.arange(length) + 1)[:, None, None, None] / (length + 1)
    old, new = before[-length:].astype(float), after[:length].astype(float)
    if kind == 0:
        mixed = old * (1 - share) + new * share
    elif kind == 1:
        mixed = np.where(np.arange(THUMBNAIL_WIDTH)[:, None] < share * THUMBNAIL_WIDTH, new, old)
    else:
        blank = 0.0 if kind == 2 else 255.0
        nearness = np.abs(2 * share - 1)
        mixed = np.where(share < 0.5, old, new) * nearness + blank * (1 - nearness)
    start = len(before) - length
    return np.concatenate([before[:start], mixed.astype(np.uint8), after[length:]]), [(start, start + length)]


def _flashes(rng: Rng) -> tuple[Video, Changes]:
    """Camera flashes of up to three frames, one that lasts, and stroboscopes."""
    video = _thumbnails(_film(rng, 120)).astype(float)
    starts = range(4, 115, int(rng.integers(5, 12))) if chance(rng, 0.3) else rng.integers(4, 115, 5)
    gain, lift, length = between(rng, 1.3, 3), between(rng, 10, 160), int(rng.integers(1, 4))
    for start in starts:
        lit = slice(start, start + length)
        video[lit] = video[lit] * gain + lift
    return np.clip(video, 0, 255).astype(np.uint8), []


def _lamp(rng: Rng) -> tuple[Video, Changes]:
    """A lamp is switched on, and may be switched off again."""
    video = _thumbnails(_film(rng, 120)).astype(float)
    gain = np.array([between(rng, 1.2, 2.2) for _ in range(3)])
    lit = slice(int(rng.integers(20, 60)), int(rng.integers(70, 140)))
    video[lit] = video[lit] * gain + between(rng, 0, 40)
    return np.clip(video, 0, 255).astype(np.uint8), []


def _shaken(rng: Rng) -> tuple[Video, Changes]:
    """A camera that trembles, is knocked, and swings round."""
    count, margin = 120, 24
    wide = film_desirable(rng, np.arange(count) / _FPS, _HEIGHT + 2 * margin, _WIDTH + 8 * margin)
    tremble = rng.normal(0, between(rng, 0.2, 2.0), (count, 2))
    tremble[rng.integers(0, count, 4)] += rng.normal(0, 5, (4, 2))
    swing = 7 * margin / (1 + np.exp(-(np.arange(count) - 60) / log_between(rng, 1.5, 10)))
    tops = np.clip(margin + tremble[:, 0], 0, 2 * margin).astype(int)
    lefts = np.clip(margin / 2 + tremble[:, 1] + swing, 0, 8 * margin).astype(int)
    cropped = [frame[y : y + _HEIGHT, x : x + _WIDTH] for frame, y, x in zip(wide, tops, lefts, strict=True)]
    return _thumbnails(np.stack(cropped)), []


def _repeated(rng: Rng) -> tuple[Video, Changes]:
    """Frames that are shown twice and more, and a few left out, as in slow motion and over a bad line."""
    index = np.cumsum(rng.choice([0, 1, 2, 3], 120, p=[0.4, 0.4, 0.15, 0.05]))
    return _thumbnails(_film(rng, int(index[-1]) + 1))[index], []


def _desktop(rng: Rng) -> tuple[Video, Changes]:
    return _thumbnails(film_screen_recording(rng, np.arange(120) / _FPS, _HEIGHT, _WIDTH)), []


def _insets(rng: Rng) -> tuple[Video, Changes]:
    return _thumbnails(film_screen_in_screen(rng, np.arange(120) / _FPS, _HEIGHT, _WIDTH)), []


_KINDS: Final[dict[str, Callable[[Rng], tuple[Video, Changes]]]] = {
    "hard cuts": _hard_cuts,
    "short shots": _short_shots,
    "jump cut": _jump_cut,
    "gradual": _gradual,
    "flashes": _flashes,
    "lamp": _lamp,
    "shaken": _shaken,
    "repeated frames": _repeated,
    "desktop": _desktop,
    "insets": _insets,
}
