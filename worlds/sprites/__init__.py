"""The sprite world: generated videos of moving textured sprites, with captions and with the truth about every frame.

It feeds the demo, and it is ground truth for measuring. Description (`scene.py`, drawn at random by `plan.py`), drawing
(`render.py`) and files (`world.py`) are apart: a judge can draw any sprite of a description again.
"""

from worlds.sprites.plan import ClipKind, ClipPlan, SpriteWorldConfig, Word, plan_clip
from worlds.sprites.render import RenderedShot, render_shot
from worlds.sprites.scene import SHAPES, Place
from worlds.sprites.small_world import (
    SmallWorldConfig,
    Way,
    draw_small_texture,
    plan_in_small_world,
    region_left,
    sprite_size,
)
from worlds.sprites.sprite import draw_sprite
from worlds.sprites.textures import Pattern, Texture, paint_texture
from worlds.sprites.world import ClipTruth, SubjectTruth, make_world, read_truth, write_video

__all__ = [
    "SHAPES",
    "ClipKind",
    "ClipPlan",
    "ClipTruth",
    "Pattern",
    "Place",
    "RenderedShot",
    "SmallWorldConfig",
    "SpriteWorldConfig",
    "SubjectTruth",
    "Texture",
    "Way",
    "Word",
    "draw_small_texture",
    "draw_sprite",
    "make_world",
    "paint_texture",
    "plan_clip",
    "plan_in_small_world",
    "read_truth",
    "region_left",
    "render_shot",
    "sprite_size",
    "write_video",
]
