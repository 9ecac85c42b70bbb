"""What a sprite wears: procedural textures. No caption ever names one."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from worlds.arrays import Color, Field, Image
from worlds.chances import Rng, between, chance
from worlds.fields import fractal, mix, ramp, turned_axes

_WEAVE: Final = 0.10  # brightness of the fine grain that makes every texture look like cloth


class Pattern(StrEnum):
    """The kinds of texture."""

    STRIPES = "stripes"
    WAVES = "waves"
    CHECKS = "checks"
    DOTS = "dots"
    PATCHES = "patches"
    GRADIENT = "gradient"
    HALVES = "halves"
    MARBLE = "marble"
    SCALES = "scales"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """One texture, complete: the same record always paints the same picture.

    Attributes:
        colors: ground, figure, and an accent that some patterns use.
        period: size of one repeat, as a share of the sprite's canvas.
        seed: of the random grain.
    """

    pattern: Pattern
    colors: tuple[Color, Color, Color]
    period: float
    angle_deg: float
    seed: int


def draw_texture(rng: Rng) -> Texture:
    """A random texture: two contrasting colors and an accent."""
    hue = rng.random()
    apart = rng.choice([0.33, 0.42, 0.5, 0.58, 0.67])
    light, dark = rng.uniform(0.86, 1.0), rng.uniform(0.42, 0.68)
    colors = (
        _from_hsv(hue, rng.uniform(0.18, 0.6), light),
        _from_hsv(hue + apart, rng.uniform(0.55, 0.95), dark),
        _from_hsv(hue + apart / 2, rng.uniform(0.5, 0.9), rng.uniform(0.7, 0.95)),
    )
    if chance(rng, 0.4):
        colors = (colors[1], colors[0], colors[2])
    return Texture(
        pattern=Pattern(rng.choice(list(Pattern))),
        colors=colors,
        period=between(rng, 0.11, 0.2),
        angle_deg=between(rng, 0, 180),
        seed=int(rng.integers(2**31)),
    )


def paint_texture(texture: Texture, side: int) -> Image:
    """The texture as a square picture."""
    rng = np.random.default_rng(texture.seed)
    weight = _FIGURES[texture.pattern](texture, side, rng)
    picture = mix(texture.colors[0], texture.colors[1], weight[0])
    picture = mix(picture, texture.colors[2], weight[1])
    weave = 1 + _WEAVE * (fractal(rng, side, side, cell=(side / 40, side / 40), octaves=2) - 0.5)
    return np.asarray(np.clip(picture * weave[..., None], 0, 255), np.uint8)


# How much of the figure color, and how much of the accent, every pixel has.
_Figure: TypeAlias = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]


def _axes(texture: Texture, side: int) -> tuple[Field, Field]:
    """Coordinates along and across the texture's angle, in periods."""
    return turned_axes(side, side, unit=side * texture.period, angle=np.deg2rad(texture.angle_deg))


def _step(values: Field, texture: Texture, side: int) -> Field:
    """A step at 0 with an edge of about a pixel and a half, for values in periods."""
    edge = 1.5 / (side * texture.period)
    return ramp(values, -edge, edge)


def _stripes(texture: Texture, side: int, rng: Rng) -> _Figure:
    along, _ = _axes(texture, side)
    accent = _step(0.12 - np.abs((along * 0.5) % 1 - 0.5), texture, side) * float(chance(rng, 0.5))
    return _step(np.abs(along % 1 - 0.5) - 0.25, texture, side), accent


def _waves(texture: Texture, side: int, rng: Rng) -> _Figure:
    along, across = _axes(texture, side)
    bent = along + 0.3 * np.sin(2 * np.pi * across * 0.7 + rng.uniform(0, 6))
    return _step(np.abs(bent % 1 - 0.5) - 0.25, texture, side), np.zeros_like(along)


def _checks(texture: Texture, side: int, rng: Rng) -> _Figure:
    along, across = _axes(texture, side)
    first = _step(np.abs(along % 1 - 0.5) - 0.25, texture, side)
    second = _step(np.abs(across % 1 - 0.5) - 0.25, texture, side)
    if chance(rng, 0.5):
        return first * (1 - second) + second * (1 - first), np.zeros_like(along)
    return 0.5 * (first + second), first * second * 0.5


def _dots(texture: Texture, side: int, rng: Rng) -> _Figure:
    along, across = _axes(texture, side)
    shifted = across + 0.5 * (np.floor(along) % 2)
    distance = np.hypot(along % 1 - 0.5, shifted % 1 - 0.5)
    pick = np.floor(along) % 2 * float(chance(rng, 0.5))
    spot = _step(0.32 - distance, texture, side)
    return spot * (1 - pick), spot * pick


def _patches(texture: Texture, side: int, rng: Rng) -> _Figure:
    grain = 1.6 * texture.period * side
    field = fractal(rng, side, side, cell=(grain, grain), octaves=2)
    figure = ramp(field, 0.5, 0.53)
    return figure, ramp(field, 0.68, 0.71) * float(chance(rng, 0.5))


def _gradient(texture: Texture, side: int, rng: Rng) -> _Figure:
    along, _ = _axes(texture, side)
    span = (along - along.min()) / (along.max() - along.min())
    grain = fractal(rng, side, side, cell=(side / 8, side / 8), octaves=5, gain=0.7)
    return ramp(span + 0.3 * (grain - 0.5), 0.3, 0.7), ramp(span + 0.3 * (grain - 0.5), 0.62, 0.8) * 0.7


def _halves(texture: Texture, side: int, rng: Rng) -> _Figure:
    along, _ = _axes(texture, side)
    centred = along - along.mean()
    return _step(centred - rng.uniform(-0.6, 0.6), texture, side), _step(0.3 - np.abs(centred), texture, side)


def _marble(texture: Texture, side: int, rng: Rng) -> _Figure:
    along, _ = _axes(texture, side)
    grain = fractal(rng, side, side, cell=(side / 3, side / 3), octaves=5, gain=0.65)
    veins = np.abs(np.sin(np.pi * (0.6 * along + 3.5 * grain)))
    return ramp(np.asarray(1 - veins, np.float32), 0.25, 0.95), ramp(grain, 0.6, 0.95)


def _scales(texture: Texture, side: int, rng: Rng) -> _Figure:
    along, across = _axes(texture, side)
    row = np.floor(across * 1.3)
    x = (along + 0.5 * (row % 2)) % 1 - 0.5
    arch = np.hypot(x * 1.15, (across * 1.3) % 1)
    pick = float(chance(rng, 0.5))
    return _step(arch - 0.52, texture, side), _step(0.3 - arch, texture, side) * pick


_FIGURES: Final[dict[Pattern, Callable[[Texture, int, Rng], _Figure]]] = {
    Pattern.STRIPES: _stripes,
    Pattern.WAVES: _waves,
    Pattern.CHECKS: _checks,
    Pattern.DOTS: _dots,
    Pattern.PATCHES: _patches,
    Pattern.GRADIENT: _gradient,
    Pattern.HALVES: _halves,
    Pattern.MARBLE: _marble,
    Pattern.SCALES: _scales,
}


def _from_hsv(hue: float, saturation: float, value: float) -> Color:
    pixel = np.array([[[360 * (hue % 1), saturation, value]]], np.float32)
    red, green, blue = (round(255 * float(channel)) for channel in cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])
    return red, green, blue
