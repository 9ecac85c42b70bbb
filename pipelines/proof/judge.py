"""Who wears what and goes where, in closed form: the sprites are known, so the judge looks for them in the pixels.

A sprite in a texture, and in a state where states change, is laid over every place of a frame; where the squared
difference within its outline is smallest, it is taken to be. Nothing is learned, and a real clip is judged right nearly
always, which `prove` reports beside the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d

from modeling.data.video import Video
from worlds.affine import compose, invert
from worlds.arrays import Rgba
from worlds.sprites import (
    CELL,
    REACH,
    SHAPES,
    State,
    Texture,
    Way,
    canvas_map,
    draw_sprite,
    light,
    lit,
    paint_texture,
    sprite_pose,
    sprite_size,
)

# A template is drawn so many times larger, and shrunk by averaging, as a video is when it is scaled to its bucket.
_OVERSAMPLING: Final = 4

# Pixels by which a sprite must have moved between the first and the last frame to have gone anywhere.
_LEAST_MOVE_PX: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A sprite as it looks in a frame, in its cell.

    Attributes:
        colors: (3, side, side), 0 to 1; zero outside the outline.
        inside: (side, side), 1 within the outline.
        state: of the sprite, where states change.
    """

    colors: Tensor
    inside: Tensor
    state: State = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a template fits a clip, and where.

    Attributes:
        error: mean squared difference of a color channel within the outline, at the best places.
        places: (x, y) of the cell's corner in every frame, pixels.
        state: of the template.
    """

    error: float
    places: tuple[tuple[int, int], ...]
    state: State = ()

    @property
    def way(self) -> Way | None:
        """Where it went; None if it stayed."""
        (x0, y0), (x1, y1) = self.places[0], self.places[-1]
        across, down = x1 - x0, y1 - y0
        if max(abs(across), abs(down)) < _LEAST_MOVE_PX:
            return None
        if abs(across) > abs(down):
            return Way.RIGHT if across > 0 else Way.LEFT
        return Way.DOWN if down > 0 else Way.UP


Region: TypeAlias = tuple[float, float]
"""Columns of the frame that are looked at, as shares of its width."""


def template(word: str, texture: Texture, state: State = (), *, frame_height: int) -> Template:
    """The sprite of `word` in a texture, in its cell, in the size that it has on a small world of this height."""
    side = round(CELL * frame_height)
    large = side * _OVERSAMPLING
    pose = sprite_pose(word, state) * (large / CELL)
    cloth_side = round(2 * REACH * sprite_size(word) * large / CELL)
    sprite = lit(_sprite(word, texture, cloth_side), light(state))
    cell = cv2.warpAffine(sprite, compose(pose, invert(canvas_map(cloth_side))), (large, large))
    small = cv2.resize(cell, (side, side), interpolation=cv2.INTER_AREA)
    inside = torch.from_numpy((small[..., 3] > 127).astype(np.float32))
    return Template(torch.from_numpy(small[..., :3].astype(np.float32) / 255).permute(2, 0, 1) * inside, inside, state)


@lru_cache(maxsize=1)  # which is drawn once for all states, one after another
def _sprite(word: str, texture: Texture, side: int) -> Rgba:
    return draw_sprite(SHAPES[word], paint_texture(texture, side), phase=0.0)


def fit(video: Video, looked_for: Template, *, region: Region = (0.0, 1.0)) -> Fit:
    """The best place of a template in every frame, within some columns."""
    return fits(video, [looked_for], region=region)[0]


def fits(video: Video, templates: Sequence[Template], *, region: Region = (0.0, 1.0)) -> list[Fit]:
    """The best places of several templates of one size, much sooner than one by one."""
    left, right = (round(share * video.shape[2]) for share in region)
    errors = _errors(torch.from_numpy(video[:, :, left:right]).permute(0, 3, 1, 2).float() / 255, templates)
    columns = errors.shape[-1]
    best = errors.flatten(2).min(dim=2)
    return [
        Fit(float(values.mean()), tuple((left + at % columns, at // columns) for at in places.tolist()), each.state)
        for each, values, places in zip(templates, best.values.T, best.indices.T, strict=True)
    ]


def _errors(
    frames: Float[Tensor, "frames 3 height width"], templates: Sequence[Template]
) -> Float[Tensor, "frames templates rows columns"]:
    """`|x - t|^2 = x^2 - 2 x t + t^2` within the outline, at every place."""
    colors = torch.stack([each.colors for each in templates])
    inside = torch.stack([each.inside for each in templates])[:, None]
    within = conv2d((frames**2).sum(dim=1, keepdim=True), inside) - 2 * conv2d(frames, colors)
    return (within + (colors**2).sum(dim=(1, 2, 3))[:, None, None]) / (3 * inside.sum(dim=(1, 2, 3)))[:, None, None]
