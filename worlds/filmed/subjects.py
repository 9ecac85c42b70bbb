"""What a scene is made of: backgrounds, and subjects built of a body and limbs that swing about their joints."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from worlds.arrays import Image, PerFrame, Rgba
from worlds.chances import Rng, between, chance, log_between
from worlds.fields import fractal_to_the_pixel
from worlds.filmed.camera import wander
from worlds.filmed.colors import as_rgb, random_color
from worlds.filmed.scenes import Layer, Poses, Ripple, Scene
from worlds.filmed.surfaces import soften, surface

_SUBJECT_SIDE = 160
_BACKGROUND_SIDE = 340
_BACKGROUND_WIDTH = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveliness:
    """How much things move of themselves.

    Attributes:
        travel: of the whole subject, in frame widths, over the clip.
        swing: of its limbs, in radians.
        sway: wandering of its body about its place, in frame widths.
        ripple: bending of background and subject, in frame widths.
    """

    travel: float = 0.0
    swing: float = 0.0
    sway: float = 0.0
    ripple: float = 0.0


def draw_scene(rng: Rng, times_s: PerFrame, liveliness: Liveliness, *, depth: float) -> Scene:
    """A background with one to three subjects.

    Args:
        rng: where the scene comes from.
        times_s: of the frames.
        liveliness: how much its subjects move.
        depth: how much slower the background passes by than the subjects when the camera moves; 0 is flat.
    """
    backdrop = _backdrop(rng, times_s, nearness=1 - depth)
    if liveliness.ripple > 0 and chance(rng, 0.4):
        backdrop = _with_ripple(rng, backdrop, times_s, liveliness.ripple)
    layers = [backdrop]
    for _ in range(int(rng.choice([1, 1, 1, 2, 2, 3]))):
        layers += _draw_subject(rng, times_s, liveliness, nearness=1 + depth * between(rng, -0.3, 0.3))
    if chance(rng, 0.2):
        layers += _foreground_clutter(rng, times_s, nearness=1 + depth)
    return Scene(layers=tuple(layers))


def _draw_subject(rng: Rng, times_s: PerFrame, liveliness: Liveliness, *, nearness: float = 1.0) -> list[Layer]:
    """One subject: a body, and up to five limbs that follow it."""
    size = log_between(rng, 0.15, 0.75)
    aspect = log_between(rng, 0.5, 2)
    body = _body_path(rng, times_s, liveliness)
    coat = surface(rng, _SUBJECT_SIDE, _SUBJECT_SIDE)
    layers = []
    for _ in range(int(rng.integers(1, 6))):
        reach, direction = 0.33 * size, between(rng, 0, 2 * np.pi)
        joint_x = body.x + reach * np.cos(direction + body.angle)
        joint_y = body.y + reach * aspect * np.sin(direction + body.angle)
        swing = wander(rng, times_s, liveliness.swing, slow_hz=0.4, fast_hz=2.5)
        pose = Poses(x=joint_x, y=joint_y, angle=body.angle + direction + swing, scale=np.ones_like(times_s))
        own = coat if chance(rng, 0.6) else surface(rng, _SUBJECT_SIDE // 2, _SUBJECT_SIDE // 2)
        limb = _cut_out(rng, own, aspect=between(rng, 0.25, 0.7))
        limb_width = size * between(rng, 0.3, 0.7)
        layers.append(Layer(picture=limb, width=limb_width, poses=pose, pivot=(0.12, 0.5), nearness=nearness))
    trunk = Layer(picture=_cut_out(rng, coat, aspect=aspect), width=size, poses=body, nearness=nearness)
    layers.insert(int(rng.integers(len(layers) + 1)), trunk)
    if liveliness.ripple > 0 and chance(rng, 0.3):
        layers = [_with_ripple(rng, layer, times_s, liveliness.ripple * 0.7) for layer in layers]
    return layers


def _body_path(rng: Rng, times_s: PerFrame, liveliness: Liveliness) -> Poses:
    progress = (times_s - times_s[0]) / (times_s[-1] - times_s[0]) - 0.5
    direction = between(rng, 0, 2 * np.pi)
    home_x, home_y = between(rng, -0.28, 0.28), between(rng, -0.25, 0.3)
    bend = wander(rng, times_s, liveliness.travel * 0.3, slow_hz=0.05, fast_hz=0.5)
    return Poses(
        x=home_x + liveliness.travel * np.cos(direction) * progress + wander(rng, times_s, liveliness.sway),
        y=home_y
        + liveliness.travel * np.sin(direction) * 0.6 * progress
        + bend
        + wander(rng, times_s, liveliness.sway),
        angle=between(rng, -0.5, 0.5) + wander(rng, times_s, liveliness.sway * 2.5),
        scale=np.exp(wander(rng, times_s, min(liveliness.travel * 0.6 + liveliness.sway, 0.5), fast_hz=0.5)),
    )


def _cut_out(rng: Rng, coat: Image, *, aspect: float) -> Rgba:
    """A blob with a wavy outline, shaded as if it were round, in the given coat."""
    width = _SUBJECT_SIDE
    height = max(24, int(width * min(aspect, 1.6)))
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = np.full_like(angles, 0.8)
    for order in (2, 3, 4, 6):
        radius += rng.normal(0, 0.22 / order) * np.cos(order * angles + rng.uniform(0, 2 * np.pi))
    radius *= 0.48 / radius.max()
    outline = np.stack([(0.5 + radius * np.cos(angles)) * width, (0.5 + radius * np.sin(angles)) * height], axis=1)
    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [outline.astype(np.int32)], 255, cv2.LINE_AA)
    shade = soften(alpha, width * 0.12).astype(np.float32) / 255
    light = np.linspace(between(rng, 0.6, 1.3), between(rng, 0.6, 1.3), width, dtype=np.float32)[None]
    color = cv2.resize(coat, (width, height)).astype(np.float32) * ((0.45 + 0.65 * shade) * light)[..., None]
    edge = cv2.GaussianBlur(alpha, (0, 0), log_between(rng, 0.6, 2.0))
    return np.dstack([np.clip(color, 0, 255).astype(np.uint8), edge])


def _backdrop(rng: Rng, times_s: PerFrame, *, nearness: float) -> Layer:
    picture = _draw_backdrop(rng, _BACKGROUND_SIDE)
    rest = np.zeros_like(times_s)
    poses = Poses(x=rest, y=rest, angle=rest, scale=rest + 1)
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    return Layer(
        picture=np.concatenate([picture, opaque], axis=2),
        width=_BACKGROUND_WIDTH,
        poses=poses,
        nearness=nearness,
        is_background=True,
    )


def _draw_backdrop(rng: Rng, side: int) -> Image:
    """A landscape, a room, or one surface; often out of focus."""
    kind = rng.integers(3)
    if kind == 0:
        picture = surface(rng, side, side)
    elif kind == 1:
        picture = _landscape(rng, side)
    else:
        picture = _room(rng, side)
    if chance(rng, 0.4):
        picture = soften(picture, log_between(rng, 1, 8))
    light = 1 + (fractal_to_the_pixel(rng, side, side, gain=0.2) - 0.5) * between(rng, 0, 1.2)
    return np.asarray(np.clip(picture * light[..., None], 0, 255), np.uint8)


def _landscape(rng: Rng, side: int) -> Image:
    """Bands of surface below ragged horizons, far to near."""
    picture = surface(rng, side, side)
    columns = np.arange(side)
    for base in np.sort(rng.uniform(0.25, 0.9, int(rng.integers(1, 4)))):
        ridge = fractal_to_the_pixel(rng, 8, side, gain=between(rng, 0.3, 0.7))[0]
        horizon = side * (base + (ridge - 0.5) * between(rng, 0, 0.35))
        below = np.arange(side)[:, None] > horizon[columns][None]
        picture[below] = surface(rng, side, side)[below]
    return picture


def _room(rng: Rng, side: int) -> Image:
    """Walls with furniture: overlapping boxes of plain color or surface, some with lines on them."""
    picture = surface(rng, side, side)
    for _ in range(int(rng.integers(3, 14))):
        width, height = (int(log_between(rng, 0.06, 0.6) * side) for _ in range(2))
        left, top = (int(value) for value in rng.integers(-20, side, 2))
        area = (slice(max(top, 0), max(top + height, 0)), slice(max(left, 0), max(left + width, 0)))
        if chance(rng, 0.5):
            picture[area] = random_color(rng)
        else:
            picture[area] = surface(rng, side, side)[area]
        if chance(rng, 0.3):
            edge = as_rgb(random_color(rng))
            cv2.rectangle(picture, (left, top), (left + width, top + height), edge, int(rng.integers(1, 5)))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), between(rng, -8, 8), between(rng, 1, 1.3))
    return np.asarray(cv2.warpAffine(picture, turn, (side, side), borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def _foreground_clutter(rng: Rng, times_s: PerFrame, *, nearness: float) -> list[Layer]:
    """Something still at the edge of the frame, close to the lens."""
    rest = np.zeros_like(times_s)
    poses = Poses(
        x=rest + rng.choice([-0.5, 0.5]) * between(rng, 0.8, 1.1),
        y=rest + between(rng, -0.5, 0.5),
        angle=rest + between(rng, 0, 6),
        scale=rest + 1,
    )
    coat = surface(rng, _SUBJECT_SIDE, _SUBJECT_SIDE)
    picture = _cut_out(rng, coat, aspect=log_between(rng, 0.5, 2))
    return [Layer(picture=picture, width=between(rng, 0.3, 0.7), poses=poses, nearness=nearness)]


def _with_ripple(rng: Rng, layer: Layer, times_s: PerFrame, amplitude: float) -> Layer:
    speed = log_between(rng, 0.3, 2.0) * rng.choice([-1, 1])
    ripple = Ripple(
        amplitude=amplitude * between(rng, 0.4, 1),
        waves=(between(rng, -6, 6), between(rng, -6, 6)),
        phase=2 * np.pi * speed * times_s,
    )
    return replace(layer, ripple=ripple)
