"""From the description of a shot to its pixels, and to the mask of every subject in every frame."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from worlds.affine import Affine, apply, compose, invert
from worlds.arrays import Grey, Image, Labels, Rgba, Video
from worlds.sprites.backdrops import Canvas, paint_backdrop
from worlds.sprites.foregrounds import paint_foreground
from worlds.sprites.shapes import REACH
from worlds.sprites.shot import Shot, Subject
from worlds.sprites.sprite import canvas_map, draw_sprite, lit
from worlds.sprites.states import light
from worlds.sprites.textures import paint_texture

# A walk is drawn in so many steps; at 24 frames per second and two cycles per second every frame has its own.
_PHASES: Final = 12

# Pixels of a backdrop or sprite per pixel of the resting frame: a camera may zoom in a little without blur.
_OVERSAMPLING: Final = 1.15

_SHADOW_SIDE: Final = 48
_SHADOW_DARKNESS: Final = 0.42


@dataclass(frozen=True, slots=True, eq=False)
class RenderedShot:
    """The pixels of a shot and what they show."""

    video: Video
    labels: Labels


def render_shot(shot: Shot, *, height: int, width: int) -> RenderedShot:
    """Draw every frame of a shot."""
    canvas = Canvas.for_aspect(width / height, _OVERSAMPLING * height)
    backdrop = paint_backdrop(shot.place, shot.seed, canvas)
    foreground = paint_foreground(shot.occluders, canvas) if shot.occluders else None
    cycles = [_SpriteCycle(subject, height) for subject in shot.subjects]
    shadow = _shadow()
    video = np.empty((shot.frames, height, width, 3), np.uint8)
    labels = np.zeros((shot.frames, height, width), np.uint8)
    for frame in range(shot.frames):
        view = shot.camera.view(*shot.camera_clock(frame), height=height, width=width)
        plane = compose(view, invert(canvas.from_world))
        picture: Image = video[frame]
        cv2.warpAffine(backdrop, plane, (width, height), dst=picture, borderMode=cv2.BORDER_REPLICATE)
        clock = shot.clock(frame)
        for subject in shot.subjects:
            if subject.casts_shadow:
                _lay(picture, shadow, compose(view, _shadow_pose(subject, clock[1])))
        for index, (subject, cycle) in enumerate(zip(shot.subjects, cycles, strict=True)):
            sprite = cycle.at(subject.phase(clock[0]))
            pose = compose(view, compose(subject.pose(*clock), invert(canvas_map(sprite.shape[0]))))
            _lay(picture, sprite, pose, label=index + 1, labels=labels[frame])
        if foreground is not None:
            _lay(picture, foreground, plane, label=0, labels=labels[frame])
    return RenderedShot(video, labels)


class _SpriteCycle:
    """The pictures of a subject's cycle, drawn when first asked for."""

    def __init__(self, subject: Subject, height: int) -> None:
        self._shape = subject.shape
        self._light = light(subject.state)
        side = max(16, round(_OVERSAMPLING * height * subject.size * 2 * REACH))
        self._cloth = paint_texture(subject.texture, side)
        self._drawn: dict[int, Rgba] = {}

    def at(self, phase: float) -> Rgba:
        """The sprite at the drawn step nearest to `phase`."""
        step = round(phase * _PHASES) % _PHASES
        if step not in self._drawn:
            self._drawn[step] = lit(draw_sprite(self._shape, self._cloth, phase=step / _PHASES), self._light)
        return self._drawn[step]


def _lay(
    picture: Image,
    layer: Rgba,
    pose: Affine,
    *,
    labels: Grey | None = None,
    label: int = 0,
) -> None:
    """Lay a premultiplied RGBA layer over a picture, and write `label` where it hides what is below."""
    height, width = picture.shape[:2]
    rows, columns = layer.shape[:2]
    corners = apply(pose, np.array([[0.0, 0.0], [columns, 0.0], [0.0, rows], [columns, rows]]))
    x0, y0 = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, (width, height))
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, (width, height))
    if x0 >= x1 or y0 >= y1:
        return
    shifted = pose.copy()
    shifted[:, 2] -= (x0, y0)
    seen = cv2.warpAffine(layer, shifted, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    window = picture[y0:y1, x0:x1]
    alpha = seen[..., 3:].astype(np.uint16)
    under = (window * (255 - alpha) + 127) // 255
    window[...] = np.minimum(under + seen[..., :3], 255)
    if labels is not None:
        labels[y0:y1, x0:x1][seen[..., 3] > 127] = label


def _shadow() -> Rgba:
    """A soft dark disc, as premultiplied RGBA."""
    rows, columns = np.mgrid[0:_SHADOW_SIDE, 0:_SHADOW_SIDE] * (2 / (_SHADOW_SIDE - 1)) - 1
    soft = np.clip(1 - np.hypot(rows, columns), 0, 1) ** 0.7
    picture = np.zeros((_SHADOW_SIDE, _SHADOW_SIDE, 4), np.uint8)
    picture[..., 3] = (255 * _SHADOW_DARKNESS * soft).astype(np.uint8)
    return picture


def _shadow_pose(subject: Subject, progress: float) -> Affine:
    """From the shadow's pixels to world units: flat on the ground below the subject."""
    x, y = subject.ground_point(progress)
    x0, _, x1, _ = subject.shape.bounds()
    half_width, half_height = 0.55 * subject.size * (x1 - x0), 0.09 * subject.size
    scale = np.array([2 * half_width, 2 * half_height]) / (_SHADOW_SIDE - 1)
    return np.array([[scale[0], 0.0, x - half_width], [0.0, scale[1], y - half_height]])
