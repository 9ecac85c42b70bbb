"""Still things in front of the subjects, which hide them for a moment."""

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np

from worlds.affine import apply
from worlds.arrays import Color, Rgba
from worlds.chances import Rng
from worlds.fields import fractal, mix
from worlds.sprites.backdrops import Canvas
from worlds.sprites.shapes import Outline, ellipse, polygon, ribbon, smooth
from worlds.sprites.shot import Occluder, OccluderKind

_OVERSAMPLING: Final = 2

# Outlines in units of the occluder's height, standing on (0, 0), and the two colors between which its surface varies.
_Block = tuple[Outline, Color, Color]


def paint_foreground(occluders: Sequence[Occluder], canvas: Canvas) -> Rgba:
    """All occluders as RGBA on the backdrop's canvas, premultiplied by alpha."""
    height, width = canvas.height * _OVERSAMPLING, canvas.width * _OVERSAMPLING
    picture = np.zeros((height, width, 4), np.uint8)
    for occluder in occluders:
        rng = np.random.default_rng(occluder.seed)
        for outline, dark, light in _BLOCKS[occluder.kind](rng):
            points = apply(canvas.from_world, outline * occluder.height + occluder.base) * _OVERSAMPLING
            _lay(picture, points, dark, light, rng)
    return np.asarray(cv2.resize(picture, (canvas.width, canvas.height), interpolation=cv2.INTER_AREA))


def _lay(picture: Rgba, points: Outline, dark: Color, light: Color, rng: Rng) -> None:
    height, width = picture.shape[:2]
    x0, y0 = np.clip(np.floor(points.min(axis=0)).astype(int), 0, (width, height))
    x1, y1 = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, 0, (width, height))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    cover = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(cover, [np.round(points - (x0, y0)).astype(np.int32)], 1)
    depth = cv2.distanceTransform(cover, cv2.DIST_L2, 3)
    grain = fractal(rng, y1 - y0, x1 - x0, cell=(10, 10), octaves=3, gain=0.8)
    light_field = 0.62 + 0.38 * np.minimum(depth / 9, 1)
    surface = mix(dark, light, grain) * light_field[..., None]
    window = picture[y0:y1, x0:x1]
    inside = cover > 0
    window[inside, :3] = surface[inside].astype(np.uint8)
    window[inside, 3] = 255


def _bush(rng: Rng) -> list[_Block]:
    blobs = [((-0.42, -0.34), 0.36), ((0.44, -0.32), 0.34), ((-0.12, -0.58), 0.42), ((0.2, -0.42), 0.42)]
    return [
        (_ragged((x, y), radius * rng.uniform(0.9, 1.1), rng), (34, 84, 38), (112, 160, 66)) for (x, y), radius in blobs
    ]


def _tree(rng: Rng) -> list[_Block]:
    trunk = ribbon([(0.0, 0.0), (0.01, -0.3), (-0.01, -0.7)], [0.085, 0.065, 0.055])
    crowns = [((-0.17, -0.68), 0.2), ((0.17, -0.7), 0.2), ((0.0, -0.86), 0.22)]
    leaves = [(_ragged(center, radius, rng), (40, 92, 44), (124, 170, 72)) for center, radius in crowns]
    return [(trunk, (74, 54, 40), (134, 100, 70)), *leaves]


def _rock(rng: Rng) -> list[_Block]:
    outline = smooth(
        [(-0.75, 0.0), (-0.66, -0.4), (-0.2, -0.92), (0.25, -1.0), (0.62, -0.55), (0.78, 0.0), (0.0, 0.06)]
    )
    return [(outline * rng.uniform(0.92, 1.08), (96, 92, 92), (178, 172, 164))]


def _cactus(rng: Rng) -> list[_Block]:
    side = rng.choice([-1.0, 1.0])
    green: tuple[Color, Color] = ((42, 106, 62), (104, 168, 92))
    arms = [
        [(0.0, -0.35), (0.2 * side, -0.4), (0.24 * side, -0.62)],
        [(0.0, -0.5), (-0.18 * side, -0.55), (-0.22 * side, -0.8)],
    ]
    blocks: list[_Block] = [(ribbon(arm, [0.12, 0.12, 0.12]), *green) for arm in arms]
    return [*blocks, (ribbon([(0.0, 0.0), (0.0, -0.5), (0.0, -0.94)], [0.17, 0.19, 0.17]), *green)]


def _pine(_: Rng) -> list[_Block]:
    trunk = ribbon([(0.0, 0.0), (0.0, -0.1), (0.0, -0.25)], [0.08, 0.08, 0.08])
    tiers = [(-0.12, -0.52, 0.3), (-0.34, -0.74, 0.24), (-0.56, -1.0, 0.18)]
    green = [
        (polygon([(-half, low), (0.0, top), (half, low), (0.0, low + 0.04)]), (28, 74, 62), (96, 146, 124))
        for low, top, half in tiers
    ]
    return [(trunk, (74, 54, 40), (120, 90, 64)), *green]


def _weed(rng: Rng) -> list[_Block]:
    blocks: list[_Block] = []
    for x in (-0.2, 0.0, 0.2):
        bend = rng.uniform(0.04, 0.09)
        line = [(x, 0.0), (x + bend, -0.25), (x - bend, -0.5), (x + bend, -0.75), (x, rng.uniform(-1.0, -0.85))]
        blocks.append((ribbon(line, [0.12, 0.13, 0.12, 0.1, 0.05]), (24, 98, 74), (96, 176, 104)))
    return blocks


def _post(_: Rng) -> list[_Block]:
    iron: tuple[Color, Color] = ((44, 48, 56), (92, 98, 108))
    pole = ribbon([(0.0, 0.0), (0.0, -0.4), (0.0, -0.84)], [0.075, 0.055, 0.05])
    lamp = polygon([(-0.07, -0.82), (0.07, -0.82), (0.11, -0.98), (-0.11, -0.98)])
    cap = polygon([(-0.13, -0.97), (0.13, -0.97), (0.0, -1.06)])
    return [(pole, *iron), (lamp, (244, 222, 150), (255, 244, 200)), (cap, *iron)]


def _ragged(center: tuple[float, float], radius: float, rng: Rng) -> Outline:
    """A leafy blob."""
    circle = ellipse(center, (radius, radius))
    wobble = 1 + rng.uniform(-0.1, 0.1, (len(circle), 1))
    return np.asarray((circle - center) * wobble + center)


_BLOCKS: Final[dict[OccluderKind, Callable[[Rng], list[_Block]]]] = {
    OccluderKind.BUSH: _bush,
    OccluderKind.TREE: _tree,
    OccluderKind.ROCK: _rock,
    OccluderKind.CACTUS: _cactus,
    OccluderKind.PINE: _pine,
    OccluderKind.WEED: _weed,
    OccluderKind.POST: _post,
}
