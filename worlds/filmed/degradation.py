"""What cameras, editors and codecs do to every clip alike: noise, exposure, bars, subtitles, compression."""

import cv2
import numpy as np

from worlds.arrays import Image, Video
from worlds.chances import Rng, between, chance, log_between
from worlds.filmed.colors import random_color
from worlds.filmed.lettering import words, write, write_subtitle


def add_sensor_noise(rng: Rng, video: Video) -> Video:
    """Fresh noise in every frame: the mark of a camera, as against a picture that is moved about."""
    strength = log_between(rng, 0.3, 7)
    height, width = video.shape[1:3]
    coarse = int(rng.integers(1, 4))
    noise = rng.standard_normal((len(video), -(-height // coarse), -(-width // coarse), 1), dtype=np.float32)
    noisy = np.empty_like(video)
    for frame, grain in enumerate(noise):
        full_size = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
        noisy[frame] = np.clip(video[frame] + strength * full_size, 0, 255)
    return noisy


def add_editing(rng: Rng, video: Video) -> Video:
    """Now and then black bars, a subtitle, a logo or a flicker of light, none of which makes a clip undesirable."""
    video = video.copy()
    if chance(rng, 0.2):
        video = _with_exposure_changes(rng, video)
    if chance(rng, 0.15):
        _add_bars(rng, video)
    if chance(rng, 0.15):
        _add_subtitles(rng, video)
    if chance(rng, 0.12):
        _add_logo(rng, video)
    return video


def compress(rng: Rng, video: Video) -> Video:
    """Tone curve, loss of resolution, and coding errors that change from frame to frame."""
    tones = _tone_curve(rng)
    shrink = log_between(rng, 0.45, 1) if chance(rng, 0.35) else 1.0
    quality = int(between(rng, 35, 95))
    held = 0.0 if chance(rng, 0.5) else between(rng, 0.2, 0.7)
    degraded = np.empty_like(video)
    for index, frame in enumerate(video):
        picture = np.asarray(cv2.LUT(frame, tones), np.uint8)
        picture = jpeg(_coarsened(picture, shrink) if shrink < 1 else picture, quality)
        degraded[index] = _hold_small_changes(degraded[index - 1], picture, held) if index and held else picture
    return degraded


def jpeg(picture: Image, quality: int) -> Image:
    """The picture after JPEG coding."""
    _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _coarsened(picture: Image, shrink: float) -> Image:
    """The picture as it looks after it was stored at a smaller size."""
    height, width = picture.shape[:2]
    small = (max(16, int(width * shrink)), max(16, int(height * shrink)))
    reduced = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _hold_small_changes(before: Image, now: Image, held: float) -> Image:
    """What a video codec's skipped blocks do: places that hardly change keep most of what they showed."""
    change = cv2.absdiff(before, now).max(axis=2)
    is_quiet = cv2.blur(change, (8, 8)) < 6
    mixed = cv2.addWeighted(before, held, now, 1 - held, 0)
    return np.where(is_quiet[..., None], mixed, now).astype(np.uint8)


def _tone_curve(rng: Rng) -> Image:
    levels = np.linspace(0, 1, 256) ** log_between(rng, 0.7, 1.4)
    contrast, brightness = between(rng, 0.65, 1.15), between(rng, -0.1, 0.1)
    return np.asarray(np.clip(((levels - 0.5) * contrast + 0.5 + brightness) * 255, 0, 255), np.uint8)


def _with_exposure_changes(rng: Rng, video: Video) -> Video:
    count = len(video)
    drift = np.linspace(0, between(rng, -0.15, 0.15), count) + rng.normal(0, log_between(rng, 0.002, 0.02), count)
    return np.asarray(np.clip(video * (1 + drift)[:, None, None, None], 0, 255), np.uint8)


def _add_bars(rng: Rng, video: Video) -> None:
    height, width = video.shape[1:3]
    thickness = between(rng, 0.05, 0.16)
    rows, columns = int(height * thickness), int(width * thickness * 1.5)
    if chance(rng, 0.7):
        video[:, :rows] = video[:, height - rows :] = 0
    else:
        video[:, :, :columns] = video[:, :, width - columns :] = 0


def _add_subtitles(rng: Rng, video: Video) -> None:
    change_at = int(rng.integers(len(video))) if chance(rng, 0.5) else len(video)
    lines = [words(rng, int(rng.integers(2, 6))) for _ in range(2)]
    style = int(rng.integers(1 << 30))
    for index, frame in enumerate(video):
        write_subtitle(np.random.default_rng(style), frame, lines[index >= change_at])


def _add_logo(rng: Rng, video: Video) -> None:
    height, width = video.shape[1:3]
    corner = (int(width * rng.choice([0.04, 0.75])), int(height * rng.choice([0.08, 0.95])))
    text, color, style = words(rng, 1), random_color(rng), int(rng.integers(1 << 30))
    for frame in video:
        write(np.random.default_rng(style), frame, text, corner, height=height * 0.05, color=color)
