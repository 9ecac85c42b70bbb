"""People: a head with a face, a body, arms and legs of two parts each, in full length, half length or close up."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from curation.content_training.camera import Path, wander
from curation.content_training.scenes import Layer, Poses, Rgba
from curation.content_training.textures import (
    Color,
    Rng,
    as_rgb,
    between,
    chance,
    log_between,
    random_color,
    soften,
    surface,
)
from curation.records import Image

_SIDE = 128
_DOWN = np.pi / 2


class _Build(NamedTuple):
    """What a person is made of, and how tall, in frame widths."""

    height: float
    skin: Color
    hair: Color
    shirt: Image
    trousers: Image


def draw_person(rng: Rng, times_s: Path, body: Poses, *, swing: float, height: float, nearness: float) -> list[Layer]:
    """The layers of a person, back to front.

    Args:
        rng: where the person comes from.
        times_s: of the frames.
        body: where the neck is.
        swing: of the limbs, in radians.
        height: in frame widths; a body of 1 and more is seen in half length or closer.
        nearness: how far it moves when the camera moves.
    """
    upright = replace(body, angle=body.angle * 0.3)
    build = _Build(
        height=height,
        skin=np.asarray(np.array([224, 172, 140]) * log_between(rng, 0.45, 1.15), np.float32).clip(20, 250),
        hair=np.asarray(np.array([90, 60, 40]) * log_between(rng, 0.2, 2.4), np.float32).clip(5, 230),
        shirt=_cloth(rng),
        trousers=_cloth(rng),
    )
    pace, phase = log_between(rng, 0.4, 2.0), between(rng, 0, 2 * np.pi)
    stride = swing * 0.7 * np.sin(2 * np.pi * pace * times_s + phase)
    layers = []
    for side in (-1, 1):
        layers += _leg(build, upright, side, side * stride)
    near_arm, far_arm = (_arm(rng, times_s, build, upright, side, swing) for side in (-1, 1))
    torso = Layer(picture=_torso(build.shirt), width=0.3 * height, poses=upright, pivot=(0.5, 0.02))
    head = _head(rng, times_s, build, upright, swing)
    order = [far_arm, [torso], head, near_arm] if chance(rng, 0.6) else [far_arm, near_arm, [torso], head]
    layers += [layer for group in order for layer in group]
    return [replace(layer, nearness=nearness) for layer in layers]


def _leg(build: _Build, body: Poses, side: int, stride: Path) -> list[Layer]:
    thigh = _joint(body, 0.06 * side * build.height, 0.36 * build.height, _DOWN + stride)
    knee = _joint(thigh, 0.22 * build.height, 0, np.maximum(0, -stride) * 0.8)
    picture = _limb(build.trousers, None, thickness=0.34)
    shin = _limb(build.trousers, build.skin * 0.3, thickness=0.28)
    return [
        Layer(picture=shin, width=0.3 * build.height, poses=knee, pivot=(0.1, 0.5)),
        Layer(picture=picture, width=0.28 * build.height, poses=thigh, pivot=(0.1, 0.5)),
    ]


def _arm(rng: Rng, times_s: Path, build: _Build, body: Poses, side: int, swing: float) -> list[Layer]:
    """An arm that hangs, is bent, or gestures; the forearm moves more than the upper arm."""
    rest, bend = between(rng, -0.3, 0.9), between(rng, -1.2, 2.2)
    upper_angle = _DOWN - side * (rest + wander(rng, times_s, swing * 0.6, slow_hz=0.3))
    upper = _joint(body, 0.13 * side * build.height, 0.04 * build.height, upper_angle)
    lower_angle = -side * (bend + wander(rng, times_s, swing * 1.4, slow_hz=0.4))
    lower = _joint(upper, 0.15 * build.height, 0, lower_angle)
    sleeve = _limb(build.shirt, None, thickness=0.38)
    forearm = _limb(build.shirt, build.skin, thickness=0.3)
    return [
        Layer(picture=sleeve, width=0.19 * build.height, poses=upper, pivot=(0.1, 0.5)),
        Layer(picture=forearm, width=0.24 * build.height, poses=lower, pivot=(0.1, 0.5)),
    ]


def _head(rng: Rng, times_s: Path, build: _Build, body: Poses, swing: float) -> list[Layer]:
    """A head that nods and turns, and a mouth that speaks."""
    nod = wander(rng, times_s, min(swing * 0.35, 0.35), fast_hz=1.5)
    skull = _joint(body, 0, 0.01 * build.height, nod)
    mouth = _joint(skull, 0, -0.045 * build.height, np.zeros_like(nod))
    speech = np.exp(wander(rng, times_s, min(swing * 2, 0.8), slow_hz=1, fast_hz=4))
    lips = np.zeros((24, 48, 4), np.uint8)
    cv2.ellipse(lips, ((24, 12), (44, 20), 0), (*as_rgb(build.skin * 0.45), 255), -1, cv2.LINE_AA)
    return [
        Layer(picture=_face(rng, build), width=0.14 * build.height, poses=skull, pivot=(0.5, 0.95)),
        Layer(picture=lips, width=0.04 * build.height, poses=replace(mouth, scale=mouth.scale * speech)),
    ]


def _joint(parent: Poses, along: float, across: float, angle: Path) -> Poses:
    """The pose of what hangs on a parent: the joint's place in the parent's own axes, and its angle to the parent."""
    cos, sin = np.cos(parent.angle) * parent.scale, np.sin(parent.angle) * parent.scale
    return Poses(
        x=parent.x + along * cos - across * sin,
        y=parent.y + along * sin + across * cos,
        angle=parent.angle + angle,
        scale=parent.scale,
    )


def _cloth(rng: Rng) -> Image:
    """A plain colour with folds, or a pattern."""
    if chance(rng, 0.35):
        return surface(rng, _SIDE, _SIDE)
    folds = soften((rng.random((_SIDE, _SIDE, 1)) * 255).astype(np.uint8).repeat(3, axis=2), 7).astype(np.float32)
    shade = 1 + (folds - folds.mean()) / max(float(folds.std()), 1e-3) * between(rng, 0.02, 0.15)
    return np.asarray(np.clip(random_color(rng) * shade, 0, 255), np.uint8)


def _limb(cloth: Image, end: Color | None, *, thickness: float) -> Rgba:
    """A rounded bar, darker at its edges; its far end in another colour if there is one: a hand, a shoe."""
    height = int(_SIDE * thickness)
    colors = cloth[:height].copy()
    if end is not None:
        colors[:, int(_SIDE * 0.75) :] = end
    across = np.abs(np.linspace(-1, 1, height))[:, None, None]
    alpha = np.zeros((height, _SIDE, 1), np.uint8)
    radius = height // 2 - 1
    cv2.line(alpha, (radius + 1, height // 2), (_SIDE - radius - 2, height // 2), 255, 2 * radius, cv2.LINE_AA)
    return np.concatenate([(colors * (1.08 - 0.4 * across**2)).clip(0, 255).astype(np.uint8), alpha], axis=2)


def _torso(cloth: Image) -> Rgba:
    """Shoulders, waist and hips."""
    height = int(_SIDE * 1.35)
    colors = cv2.resize(cloth, (_SIDE, height))
    outline = np.array([[0.36, 0], [0.64, 0], [0.97, 0.1], [0.88, 0.5], [0.86, 1], [0.14, 1], [0.12, 0.5], [0.03, 0.1]])
    alpha = np.zeros((height, _SIDE, 1), np.uint8)
    cv2.fillPoly(alpha, [(outline * (_SIDE, height)).astype(np.int32)], 255, cv2.LINE_AA)
    light = np.linspace(1.1, 0.75, _SIDE)[None, :, None]
    return np.concatenate([np.clip(colors * light, 0, 255).astype(np.uint8), alpha], axis=2)


def _face(rng: Rng, build: _Build) -> Rgba:
    """Hair, face, neck, eyes and brows."""
    height = int(_SIDE * 1.5)
    picture = np.zeros((height, _SIDE, 4), np.uint8)
    skin, hair = (*as_rgb(build.skin), 255), (*as_rgb(build.hair), 255)
    cv2.rectangle(picture, (44, height - 60), (84, height), (*as_rgb(build.skin * 0.8), 255), -1)
    length = between(rng, 0.75, 1.5)
    cv2.ellipse(picture, ((64, 70 * length**0.3), (118, 130 * length), 0), hair, -1, cv2.LINE_AA)
    cv2.ellipse(picture, ((64, 92), (88, 122), 0), skin, -1, cv2.LINE_AA)
    for x in (46, 82):
        cv2.ellipse(picture, ((x, 84), (17, 9), 0), (240, 238, 235, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, 84), 4, (30, 25, 25, 255), -1, cv2.LINE_AA)
        cv2.line(picture, (x - 10, 72), (x + 10, 71), hair, 4, cv2.LINE_AA)
    cv2.line(picture, (64, 88), (62, 108), (*as_rgb(build.skin * 0.75), 255), 3, cv2.LINE_AA)
    light = np.linspace(between(rng, 0.7, 1.15), between(rng, 0.7, 1.15), _SIDE)[None, :, None]
    picture[..., :3] = np.clip(picture[..., :3] * light, 0, 255).astype(np.uint8)
    return picture
