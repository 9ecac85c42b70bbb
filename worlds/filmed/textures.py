"""Surfaces: what walls, grass, fur, cloth and sky look like, drawn from noise and simple shapes."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from worlds.arrays import Image

Rng = np.random.Generator
Color = npt.NDArray[np.float32]  # (3,), RGB in [0, 255]


def chance(rng: Rng, probability: float) -> bool:
    """True with this probability."""
    return bool(rng.random() < probability)


def between(rng: Rng, low: float, high: float) -> float:
    """A uniform number."""
    return float(rng.uniform(low, high))


def log_between(rng: Rng, low: float, high: float) -> float:
    """A number whose logarithm is uniform: every order of size is as likely as the others."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def random_color(rng: Rng) -> Color:
    """A color that is more often muted than garish, as in most footage."""
    grey = between(rng, 20, 235)
    tint = rng.normal(0, 1, 3) * log_between(rng, 6, 70)
    return np.asarray(np.clip(grey + tint - tint.mean(), 0, 255), np.float32)


def as_rgb(color: Color) -> tuple[int, int, int]:
    """The color as OpenCV wants it."""
    red, green, blue = (int(value) for value in color)
    return red, green, blue


def soften(picture: Image, sigma: float) -> Image:
    """The picture out of focus by `sigma` pixels; a strong blur is made on a smaller copy, where it costs little."""
    height, width = picture.shape[:2]
    factor = max(1, int(sigma / 2))
    small = (max(8, width // factor), max(8, height // factor))
    reduced = cv2.resize(picture, small, interpolation=cv2.INTER_AREA) if factor > 1 else picture
    blurred = cv2.GaussianBlur(reduced, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def fractal_noise(rng: Rng, height: int, width: int, *, roughness: float = 0.5) -> npt.NDArray[np.float32]:
    """Noise of all scales in [0, 1]; each finer octave has `roughness` times the amplitude of the one before."""
    field = np.zeros((height, width), np.float32)
    cells, amplitude = int(rng.integers(2, 6)), 1.0
    while cells < max(height, width):
        octave = rng.standard_normal((cells + 1, cells + 1)).astype(np.float32)
        field += amplitude * cv2.resize(octave, (width, height), interpolation=cv2.INTER_CUBIC)
        cells, amplitude = cells * 2, amplitude * roughness
    low, high = np.percentile(field, (1, 99))
    return np.asarray(np.clip((field - low) / max(high - low, 1e-6), 0, 1), np.float32)


def surface(rng: Rng, height: int, width: int) -> Image:
    """A random surface that fills the picture."""
    kinds = (_clouds, _clouds, _stripes, _cells, _strokes, _gradient)
    draw: Callable[[Rng, int, int], Image] = kinds[int(rng.integers(len(kinds)))]
    return draw(rng, height, width)


def _mix(amount: npt.NDArray[np.float32], colors: list[Color]) -> Image:
    """Colors along a scale, `amount` 0 for the first and 1 for the last."""
    stops = np.linspace(0, 1, len(colors))
    channels = [np.interp(amount, stops, [color[index] for color in colors]) for index in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _clouds(rng: Rng, height: int, width: int) -> Image:
    noise = fractal_noise(rng, height, width, roughness=between(rng, 0.35, 0.85))
    return _mix(noise, [random_color(rng) for _ in range(int(rng.integers(2, 5)))])


def _stripes(rng: Rng, height: int, width: int) -> Image:
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) / width
    angle, frequency = between(rng, 0, np.pi), log_between(rng, 4, 30)
    bend = fractal_noise(rng, height, width) * between(rng, 0, 0.3)
    wave = np.sin(2 * np.pi * frequency * (columns * np.cos(angle) + rows * np.sin(angle) + bend))
    if chance(rng, 0.4):
        wave = wave * np.sin(2 * np.pi * frequency * (rows * np.cos(angle) - columns * np.sin(angle) + bend))
    amount = np.clip(0.5 + wave * between(rng, 0.5, 3), 0, 1)
    return _mix(amount.astype(np.float32), [random_color(rng), random_color(rng)])


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
    picture = np.empty((height, width, 3), np.uint8)
    base = random_color(rng)
    picture[:] = base
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
    grain = fractal_noise(rng, height, width, roughness=0.8) * between(rng, 0, 0.25)
    return _mix(np.clip(amount + grain, 0, 1).astype(np.float32), [random_color(rng), random_color(rng)])


def _pixel(point: npt.NDArray[np.float64]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
