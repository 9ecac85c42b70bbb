"""Surfaces: what walls, grass, fur, cloth and sky look like, drawn from noise and simple shapes."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from worlds.arrays import Field, Image
from worlds.chances import Rng, between, chance, choose, log_between
from worlds.fields import fractal_to_the_pixel, turned_axes
from worlds.filmed.colors import FloatColor, as_rgb, plain, random_color


def soften(picture: Image, sigma: float) -> Image:
    """The picture out of focus by `sigma` pixels; a strong blur is made on a smaller copy, where it costs little."""
    height, width = picture.shape[:2]
    factor = max(1, int(sigma / 2))
    small = (max(8, width // factor), max(8, height // factor))
    reduced = cv2.resize(picture, small, interpolation=cv2.INTER_AREA) if factor > 1 else picture
    blurred = cv2.GaussianBlur(reduced, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def surface(rng: Rng, height: int, width: int) -> Image:
    """A random surface that fills the picture."""
    kinds: tuple[Callable[[Rng, int, int], Image], ...] = (_clouds, _clouds, _stripes, _cells, _strokes, _gradient)
    return choose(rng, kinds)(rng, height, width)


def _graded(amount: Field, colors: list[FloatColor]) -> Image:
    """Colors along a scale, `amount` 0 for the first and 1 for the last."""
    stops = np.linspace(0, 1, len(colors))
    channels = [np.interp(amount, stops, [color[index] for color in colors]) for index in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _clouds(rng: Rng, height: int, width: int) -> Image:
    noise = fractal_to_the_pixel(rng, height, width, gain=between(rng, 0.35, 0.85))
    return _graded(noise, [random_color(rng) for _ in range(int(rng.integers(2, 5)))])


def _stripes(rng: Rng, height: int, width: int) -> Image:
    angle, frequency = between(rng, 0, np.pi), log_between(rng, 4, 30)
    along, across = turned_axes(height, width, unit=width, angle=angle)
    bend = fractal_to_the_pixel(rng, height, width) * between(rng, 0, 0.3)
    wave = np.sin(2 * np.pi * frequency * (along + bend))
    if chance(rng, 0.4):
        wave = wave * np.sin(2 * np.pi * frequency * (across + bend))
    amount = np.clip(0.5 + wave * between(rng, 0.5, 3), 0, 1)
    return _graded(amount.astype(np.float32), [random_color(rng), random_color(rng)])


def _cells(rng: Rng, height: int, width: int) -> Image:
    """Stones, leaves, scales: each pixel takes the color of its nearest seed."""
    count = int(log_between(rng, 12, 200))
    seeds = rng.uniform(0, 1, (count, 2)) * (height, width)
    small = 56
    rows, columns = np.mgrid[0:small, 0:small]
    points = np.stack([rows.ravel() * height / small, columns.ravel() * width / small], axis=1)
    distances = ((points[:, None] - seeds[None]) ** 2).sum(axis=2)
    base, spread = random_color(rng), log_between(rng, 10, 60)
    colors = np.clip(base + rng.normal(0, spread, (count, 1)) + rng.normal(0, spread / 3, (count, 3)), 0, 255)
    picture = colors[distances.argmin(axis=1)].reshape(small, small, 3).astype(np.uint8)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _strokes(rng: Rng, height: int, width: int) -> Image:
    """Grass, hair, branches: many short lines of like direction."""
    base = random_color(rng)
    picture = plain(base, height, width)
    direction, length = between(rng, 0, np.pi), log_between(rng, 0.03, 0.25) * width
    for _ in range(int(log_between(rng, 80, 500))):
        start = rng.uniform(0, 1, 2) * (width, height)
        angle = direction + rng.normal(0, 0.35)
        end = start + length * rng.uniform(0.4, 1) * np.array([np.cos(angle), np.sin(angle)])
        color = np.asarray(np.clip(base + rng.normal(0, 45) + rng.normal(0, 12, 3), 0, 255), np.float32)
        cv2.line(picture, _pixel(start), _pixel(end), as_rgb(color), int(rng.integers(1, 4)), cv2.LINE_AA)
    return picture


def _gradient(rng: Rng, height: int, width: int) -> Image:
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = between(rng, 0, 2 * np.pi)
    amount = columns / width * np.cos(angle) + rows / height * np.sin(angle)
    amount = (amount - amount.min()) / np.ptp(amount)
    grain = fractal_to_the_pixel(rng, height, width, gain=0.8) * between(rng, 0, 0.25)
    return _graded(np.clip(amount + grain, 0, 1).astype(np.float32), [random_color(rng), random_color(rng)])


def _pixel(point: npt.NDArray[np.float64]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
