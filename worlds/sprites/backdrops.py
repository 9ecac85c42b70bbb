"""The places of the sprite world, painted with enough fine detail for an eye, or an optical flow, to hold on to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from worlds.affine import Affine
from worlds.arrays import Color, Field, Image, Paint
from worlds.chances import Rng, choose
from worlds.fields import fractal, mix, ramp
from worlds.sprites.shot import MARGIN_X, MARGIN_Y, Place
from worlds.sprites.strokes import disc, fill, line

_GRAIN: Final = 11.0  # grey levels of fine static grain on everything


@dataclass(frozen=True, slots=True)
class Canvas:
    """The plane a backdrop is painted on, somewhat larger than the frame.

    Attributes:
        unit: pixels per world unit.
    """

    height: int
    width: int
    unit: float

    @classmethod
    def for_aspect(cls, aspect: float, unit: float) -> "Canvas":
        """A canvas that covers every place a camera may look at."""
        return cls(round((1 + 2 * MARGIN_Y) * unit), round((aspect + 2 * MARGIN_X) * unit), unit)

    @property
    def from_world(self) -> Affine:
        """The map from world units to pixels of the canvas."""
        return np.array([[self.unit, 0.0, MARGIN_X * self.unit], [0.0, self.unit, MARGIN_Y * self.unit]])

    def row(self, y: float) -> float:
        """The row of a world height."""
        return (y + MARGIN_Y) * self.unit

    def ys(self) -> Field:
        """World y of every pixel."""
        column = np.arange(self.height, dtype=np.float32)[:, None] / self.unit - MARGIN_Y
        return np.broadcast_to(column, (self.height, self.width))

    def noise(self, rng: Rng, cell: tuple[float, float], octaves: int = 4, gain: float = 0.55) -> Field:
        """Fractal noise; `cell` is (height, width) in world units."""
        pixels = (cell[0] * self.unit, cell[1] * self.unit)
        return fractal(rng, self.height, self.width, cell=pixels, octaves=octaves, gain=gain)

    def skyline(self, rng: Rng, y: float, roughness: float, cell: float) -> Field:
        """1 below a hilly line at height `y`, 0 above it."""
        ridge = fractal(rng, 2, self.width, cell=(2, cell * self.unit), octaves=4)[0]
        return ramp(self.ys() - (y - roughness * ridge)[None], -0.5 / self.unit, 0.5 / self.unit)


@lru_cache(maxsize=len(Place))
def paint_backdrop(place: Place, seed: int, canvas: Canvas) -> Image:
    """The place as a read-only picture of the canvas' size; the same arguments paint the same picture.

    The last ones are kept: on a small world a place looks the same in every clip, and takes most of the time to draw.
    """
    rng = np.random.default_rng(seed)
    paint = _PAINTERS[place](canvas, rng)
    grain = rng.standard_normal((canvas.height, canvas.width, 1), dtype=np.float32)
    fine = cv2.GaussianBlur(grain, (0, 0), 0.7)[..., None]
    picture = np.asarray(np.clip(paint + _GRAIN * fine, 0, 255), np.uint8)
    picture.flags.writeable = False
    return picture


def _for_strokes(paint: Paint) -> Image:
    """The painting as bytes: strokes are smooth-edged only there."""
    return np.asarray(np.clip(paint, 0, 255), np.uint8)


def _sky(canvas: Canvas, rng: Rng, top: Color, low: Color, *, horizon: float, clouds: float) -> Paint:
    paint = mix(top, low, ramp(canvas.ys(), -MARGIN_Y, horizon))
    cover = ramp(canvas.noise(rng, (0.22, 0.6), octaves=5), 0.5, 0.85) * clouds
    lit = ramp(canvas.noise(rng, (0.1, 0.2), octaves=3), 0.2, 0.9)
    return mix(paint, mix((214, 222, 234), (255, 255, 255), lit), cover)


def _ground(canvas: Canvas, rng: Rng, dark: Color, light: Color, cell: tuple[float, float]) -> Paint:
    return mix(dark, light, canvas.noise(rng, cell, octaves=5, gain=0.75))


def _blades(picture: Image, canvas: Canvas, rng: Rng, horizon: float, colors: list[Color], count: int) -> None:
    """Grass: short strokes that grow toward the viewer."""
    depths = np.sort(rng.random(count))
    for depth in depths:
        y = horizon + (1 + MARGIN_Y - horizon) * depth
        x = rng.random() * canvas.width
        length = canvas.unit * (0.012 + 0.045 * depth)
        tip = (x + rng.normal(0, 0.3) * length, canvas.row(y) - length)
        color = np.array(choose(rng, colors)) * rng.uniform(0.8, 1.15)
        line(picture, (x, canvas.row(y)), tip, color, 1)


def _specks(picture: Image, canvas: Canvas, rng: Rng, horizon: float, colors: list[Color], count: int) -> None:
    """Flowers, pebbles, shells: small discs that grow toward the viewer."""
    for depth in np.sort(rng.random(count)):
        y = horizon + (1 + MARGIN_Y - horizon) * (0.05 + 0.95 * depth)
        center = (rng.random() * canvas.width, canvas.row(y))
        color = np.array(choose(rng, colors)) * rng.uniform(0.85, 1.1)
        disc(picture, center, canvas.unit * (0.004 + 0.010 * depth), color)


def _meadow(canvas: Canvas, rng: Rng) -> Image:
    paint = _sky(canvas, rng, (112, 176, 232), (214, 234, 246), horizon=0.45, clouds=0.9)
    for y, roughness, dark, light in (
        (0.44, 0.2, (104, 146, 140), (138, 178, 158)),
        (0.50, 0.13, (82, 134, 82), (126, 172, 96)),
    ):
        hill = _ground(canvas, rng, dark, light, (0.05, 0.08))
        paint = mix(paint, hill, canvas.skyline(rng, y, roughness, 0.7))
    grass = _ground(canvas, rng, (62, 122, 44), (136, 184, 74), (0.12, 0.3))
    paint = mix(paint, grass, canvas.skyline(rng, 0.55, 0.03, 0.5))
    picture = _for_strokes(paint)
    _blades(picture, canvas, rng, 0.55, [(52, 108, 40), (96, 152, 54), (150, 192, 84)], 1500)
    _specks(picture, canvas, rng, 0.58, [(246, 226, 92), (250, 248, 240), (226, 120, 150)], 90)
    return picture


def _beach(canvas: Canvas, rng: Rng) -> Image:
    paint = _sky(canvas, rng, (96, 178, 232), (226, 240, 246), horizon=0.36, clouds=0.7)
    ripples = canvas.noise(rng, (0.018, 0.22), octaves=4, gain=0.7)
    water = mix((22, 112, 156), (96, 196, 206), ripples)
    water = mix(water, (238, 250, 250), ramp(ripples, 0.7, 0.86) * 0.8)
    paint = mix(paint, water, ramp(canvas.ys(), 0.355, 0.365))
    shore = canvas.skyline(rng, 0.58, 0.04, 0.5)
    foam = canvas.skyline(np.random.default_rng(rng.integers(2**31)), 0.565, 0.05, 0.4)
    paint = mix(paint, _ground(canvas, rng, (214, 226, 222), (252, 254, 252), (0.02, 0.05)), foam)
    sand = _ground(canvas, rng, (206, 172, 118), (244, 220, 170), (0.03, 0.14))
    wet = 1 - ramp(canvas.ys(), 0.58, 0.68)
    paint = mix(paint, mix(sand, (166, 136, 98), wet * 0.55), shore)
    picture = _for_strokes(paint)
    _specks(picture, canvas, rng, 0.62, [(250, 240, 226), (176, 142, 108), (222, 176, 160), (140, 118, 96)], 160)
    return picture


def _desert(canvas: Canvas, rng: Rng) -> Image:
    paint = _sky(canvas, rng, (88, 160, 214), (252, 222, 176), horizon=0.42, clouds=0.4)
    layers: tuple[tuple[float, float, Color, Color], ...] = (
        (0.44, 0.24, (172, 110, 92), (206, 146, 116)),
        (0.52, 0.14, (206, 142, 84), (232, 176, 112)),
        (0.62, 0.1, (214, 150, 80), (246, 196, 122)),
    )
    for y, roughness, dark, light in layers:
        sand = _ground(canvas, rng, dark, light, (0.02, 0.25))
        paint = mix(paint, sand, canvas.skyline(rng, y, roughness, 0.9))
    bent = canvas.ys() * 46 + 3 * canvas.noise(rng, (0.25, 0.5), octaves=2)
    ridges = ramp(np.sin(2 * np.pi * bent), 0.2, 1.0) * ramp(canvas.ys(), 0.62, 0.8)
    paint = mix(paint, (196, 130, 66), ridges * 0.45)
    picture = _for_strokes(paint)
    _specks(picture, canvas, rng, 0.6, [(150, 98, 66), (238, 206, 150)], 130)
    return picture


def _pine(picture: Image, x: float, base: float, height: float, color: npt.NDArray[np.float64]) -> None:
    for level in range(4):
        top = base - height * (1 - 0.18 * level)
        low = base - height * (0.56 - 0.17 * level)
        half = height * (0.13 + 0.06 * level)
        corners = np.array([[x, top], [x + half, low], [x - half, low]])
        fill(picture, corners, color * (1.06 - 0.08 * level))
        line(picture, (x, top), (x - 0.7 * half, low - 0.12 * height), (232, 240, 248), 1)


def _snow(canvas: Canvas, rng: Rng) -> Image:
    paint = _sky(canvas, rng, (150, 186, 222), (232, 238, 244), horizon=0.45, clouds=0.8)
    mountain = _ground(canvas, rng, (140, 156, 184), (226, 234, 244), (0.06, 0.05))
    paint = mix(paint, mountain, canvas.skyline(rng, 0.5, 0.36, 0.5))
    picture = _for_strokes(paint)
    for x in np.sort(rng.random(34)) * canvas.width:
        depth = rng.random()
        shade = np.array((40, 84, 76)) * rng.uniform(0.8, 1.3)
        _pine(picture, float(x), canvas.row(0.54 + 0.05 * depth), canvas.unit * (0.13 + 0.16 * depth), shade)
    drift = _ground(canvas, rng, (186, 206, 232), (252, 253, 255), (0.06, 0.3))
    picture = _for_strokes(mix(picture, drift, canvas.skyline(rng, 0.58, 0.05, 0.5)))
    _specks(picture, canvas, rng, 0.6, [(255, 255, 255), (168, 190, 222), (200, 216, 238)], 420)
    return picture


def _forest(canvas: Canvas, rng: Rng) -> Image:
    leaves = canvas.noise(rng, (0.08, 0.08), octaves=4, gain=0.8)
    paint = mix(mix((34, 66, 42), (88, 132, 66), leaves), (214, 228, 150), ramp(leaves, 0.66, 0.9) * 0.8)
    picture = _for_strokes(paint)
    for depth in np.sort(rng.random(15)):
        x, half = rng.random() * canvas.width, canvas.unit * (0.02 + 0.045 * depth)
        bark = np.array((62, 50, 42)) * (0.75 + 0.7 * depth)
        top, low = (0, canvas.height), (canvas.row(0.54 + 0.14 * depth), canvas.height)
        corners = np.array([[x - 0.8 * half, top[0]], [x + 0.8 * half, top[0]], [x + half, low[0]], [x - half, low[0]]])
        fill(picture, corners, bark)
        for _ in range(int(5 + 9 * depth)):
            streak, y = x + rng.uniform(-0.8, 0.8) * half, rng.random() * low[0]
            end = min(low[0], y + canvas.unit * rng.uniform(0.04, 0.16))
            line(picture, (streak, y), (streak, end), bark * rng.choice([0.6, 1.45]), 1)
    floor = _ground(canvas, rng, (78, 62, 40), (150, 124, 72), (0.04, 0.1))
    picture = _for_strokes(mix(picture, floor, canvas.skyline(rng, 0.62, 0.05, 0.3)))
    _specks(picture, canvas, rng, 0.62, [(196, 126, 52), (170, 88, 44), (128, 140, 58), (92, 72, 46)], 380)
    _blades(picture, canvas, rng, 0.6, [(58, 96, 44), (94, 130, 58)], 420)
    return picture


def _bricks(canvas: Canvas, rng: Rng) -> Paint:
    rows, columns = np.mgrid[0 : canvas.height, 0 : canvas.width].astype(np.float32) / canvas.unit
    course = np.floor(rows / 0.055)
    along = columns / 0.13 + 0.5 * (course % 2)
    which = (course * 131 + np.floor(along) * 17).astype(int)
    tint = rng.random(997, dtype=np.float32)[which % 997]
    paint = mix((142, 66, 50), (204, 118, 88), np.asarray(tint, np.float32))
    mortar = np.maximum(rows / 0.055 % 1 < 0.13, along % 1 < 0.055).astype(np.float32)
    paint = mix(paint, (202, 194, 184), mortar)
    return paint * (0.86 + 0.28 * canvas.noise(rng, (0.03, 0.03), octaves=3)[..., None])


def _street(canvas: Canvas, rng: Rng) -> Paint:
    picture = _for_strokes(_bricks(canvas, rng))
    x = rng.uniform(0.05, 0.3)
    while x * canvas.unit < canvas.width:
        _window(picture, canvas, rng, x)
        x += rng.uniform(0.42, 0.6)
    pavement = _ground(canvas, rng, (150, 148, 146), (202, 198, 192), (0.02, 0.02))
    seams = (np.mgrid[0 : canvas.height, 0 : canvas.width][1] / canvas.unit % 0.16 < 0.008).astype(np.float32)
    paint = mix(picture, mix(pavement, (116, 112, 110), seams), ramp(canvas.ys(), 0.545, 0.555))
    paint = mix(paint, (112, 110, 112), ramp(canvas.ys(), 0.66, 0.665))
    asphalt = _ground(canvas, rng, (66, 66, 72), (122, 120, 124), (0.012, 0.014))
    paint = mix(paint, asphalt, ramp(canvas.ys(), 0.685, 0.69))
    dashes = (np.mgrid[0 : canvas.height, 0 : canvas.width][1] / canvas.unit % 0.4 < 0.22).astype(np.float32)
    band = ramp(canvas.ys(), 0.875, 0.88) * (1 - ramp(canvas.ys(), 0.9, 0.905))
    return mix(paint, (232, 226, 206), dashes * band * 0.85)


def _window(picture: Image, canvas: Canvas, rng: Rng, x: float) -> None:
    left, right = round(x * canvas.unit), round((x + 0.2) * canvas.unit)
    top, bottom = round(canvas.row(0.08)), round(canvas.row(0.36))
    glass = choose(rng, [(120, 156, 178), (236, 204, 128), (84, 108, 130)])
    cv2.rectangle(picture, (left - 3, top - 3), (right + 3, bottom + 3), (232, 224, 212), -1)
    cv2.rectangle(picture, (left, top), (right, bottom), glass, -1)
    cv2.line(picture, (left, (top + bottom) // 2), (right, (top + bottom) // 2), (232, 224, 212), 2)
    cv2.line(picture, ((left + right) // 2, top), ((left + right) // 2, bottom), (232, 224, 212), 2)
    cv2.rectangle(picture, (left - 6, bottom + 3), (right + 6, bottom + 7), (176, 168, 158), -1)


def _room(canvas: Canvas, rng: Rng) -> Paint:
    rows, columns = np.mgrid[0 : canvas.height, 0 : canvas.width].astype(np.float32) / canvas.unit
    wallpapers: list[tuple[Color, Color]] = [
        ((226, 206, 178), (202, 160, 130)),
        ((190, 210, 202), (132, 166, 158)),
        ((222, 196, 198), (184, 136, 146)),
    ]
    base, figure = choose(rng, wallpapers)
    bent = columns / 0.14 + 0.5 * (np.floor(rows / 0.14) % 2)
    petals = np.hypot((bent % 1 - 0.5) * 1.2, rows / 0.14 % 1 - 0.5)
    paint = mix(base, figure, 1 - ramp(np.abs(petals - 0.24), 0.05, 0.1))
    paint = mix(paint, figure, 1 - ramp(petals, 0.06, 0.1))
    paint = mix(paint, (246, 242, 234), ramp(canvas.ys(), 0.52, 0.525))
    plank = np.floor((canvas.ys() - 0.57) / 0.1)
    tint = rng.random(64, dtype=np.float32)[
        (plank.astype(int) * 7 + np.floor(columns / 0.9 + plank * 0.37).astype(int)) % 64
    ]
    wood = mix(
        (136, 88, 52), (190, 136, 84), np.asarray(0.6 * tint + 0.4 * canvas.noise(rng, (0.012, 0.5)), np.float32)
    )
    gap = np.maximum((canvas.ys() - 0.57) / 0.1 % 1 < 0.06, (columns / 0.9 + plank * 0.37) % 1 < 0.008)
    wood = mix(wood, (84, 52, 34), gap.astype(np.float32))
    return mix(paint, wood, ramp(canvas.ys(), 0.565, 0.57))


def _sea(canvas: Canvas, rng: Rng) -> Image:
    paint = mix((72, 186, 214), (14, 74, 130), ramp(canvas.ys(), -MARGIN_Y, 1.0))
    web = np.abs(canvas.noise(rng, (0.16, 0.24), octaves=3) - 0.5)
    paint = mix(paint, (196, 244, 246), (1 - ramp(web, 0.0, 0.07)) * (1 - ramp(canvas.ys(), -0.1, 0.75)) * 0.6)
    paint = mix(paint, (30, 92, 128), canvas.skyline(rng, 0.74, 0.4, 0.35) * 0.75)
    floor = _ground(canvas, rng, (160, 148, 112), (222, 210, 164), (0.02, 0.08))
    paint = mix(paint, floor, canvas.skyline(rng, 0.9, 0.08, 0.4))
    picture = _for_strokes(paint)
    for x in rng.random(26) * canvas.width:
        _weed(picture, canvas, rng, float(x))
    _specks(picture, canvas, rng, 0.88, [(226, 112, 104), (240, 168, 120), (234, 222, 200), (150, 96, 150)], 90)
    for _ in range(70):
        center = (rng.random() * canvas.width, rng.random() * canvas.height * 0.85)
        disc(picture, center, canvas.unit * rng.uniform(0.004, 0.012), (206, 240, 248))
    return picture


def _weed(picture: Image, canvas: Canvas, rng: Rng, x: float) -> None:
    hues = [(40, 128, 84), (78, 150, 70), (190, 84, 96), (28, 104, 104)]
    color = np.array(choose(rng, hues)) * rng.uniform(0.8, 1.1)
    height, bend = canvas.unit * rng.uniform(0.12, 0.42), rng.uniform(-1, 1)
    base = canvas.row(0.92 + 0.1 * rng.random())
    previous = (x, base)
    for step in np.linspace(0.1, 1, 10):
        sway = canvas.unit * 0.03 * np.sin(5 * step + 3 * bend)
        point = (x + sway, base - height * step)
        line(picture, previous, point, color, max(2, round(canvas.unit * 0.022 * (1.15 - step))))
        previous = point


def _lake(canvas: Canvas, rng: Rng) -> Paint:
    paint = _sky(canvas, rng, (120, 176, 226), (240, 228, 212), horizon=0.4, clouds=0.8)
    mountain = _ground(canvas, rng, (96, 116, 146), (170, 184, 200), (0.05, 0.05))
    paint = mix(paint, mountain, canvas.skyline(rng, 0.42, 0.3, 0.5))
    bank = _ground(canvas, rng, (46, 88, 56), (98, 138, 76), (0.03, 0.03))
    paint = mix(paint, bank, canvas.skyline(rng, 0.44, 0.08, 0.12))
    ripples = canvas.noise(rng, (0.02, 0.28), octaves=5, gain=0.75)
    water = mix((46, 104, 142), (150, 196, 214), ripples)
    water = mix(water, (236, 246, 248), ramp(ripples, 0.68, 0.84) * 0.7)
    return mix(paint, water, ramp(canvas.ys(), 0.44, 0.446))


def _clouds(canvas: Canvas, rng: Rng) -> Paint:
    paint = _sky(canvas, rng, (74, 146, 220), (188, 220, 244), horizon=1.0, clouds=1.0)
    for y, roughness in ((0.78, 0.3), (0.98, 0.26)):
        bank = _ground(canvas, rng, (196, 208, 228), (255, 255, 255), (0.12, 0.2))
        edge = canvas.skyline(rng, y, roughness, 0.22)
        paint = mix(paint, bank, cv2.GaussianBlur(edge, (0, 0), 0.02 * canvas.unit) * 0.92)
    return paint


_PAINTERS: Final[dict[Place, Callable[[Canvas, Rng], Paint | Image]]] = {
    Place.MEADOW: _meadow,
    Place.BEACH: _beach,
    Place.DESERT: _desert,
    Place.SNOW: _snow,
    Place.FOREST: _forest,
    Place.STREET: _street,
    Place.ROOM: _room,
    Place.SEA: _sea,
    Place.LAKE: _lake,
    Place.SKY: _clouds,
}
