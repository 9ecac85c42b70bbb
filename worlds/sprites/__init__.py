"""The sprite world: videos of moving textured sprites, with captions and with the truth about every frame.

For whatever must be known exactly: the demo, the proof, benchmarks, tests. Its words are few and its sprites flat;
where clips must look as if a camera or a computer had made them, and no truth is asked for, see `worlds.filmed`.

Description (`shot.py`, drawn at random by `clip_plan.py`, or by `small_world.py` for proofs), drawing (`render.py`) and
files (`world_files.py`) are apart: a judge can draw any sprite of a description again.
"""

from worlds.sprites.cast import ANIMALS
from worlds.sprites.changes import ChangesConfig
from worlds.sprites.clip_plan import ClipKind, ClipPlan, SpriteWorldConfig, Word, look, plan_clip
from worlds.sprites.render import RenderedShot, render_shot
from worlds.sprites.shapes import REACH
from worlds.sprites.shot import SHAPES, Place, Shot, Subject, Track
from worlds.sprites.small_world import (
    CELL,
    SmallWorldConfig,
    Way,
    draw_small_texture,
    in_state,
    plan_in_small_world,
    region_left,
    sprite_pose,
    sprite_size,
    tell,
)
from worlds.sprites.sprite import canvas_map, draw_sprite, lit
from worlds.sprites.states import SIDES, Change, State, alternatives, light, opposite, sides
from worlds.sprites.textures import Pattern, Texture, paint_texture
from worlds.sprites.world_files import ClipTruth, SubjectTruth, make_world, read_truth, write_video

__all__ = [
    "ANIMALS",
    "CELL",
    "REACH",
    "SHAPES",
    "SIDES",
    "Change",
    "ChangesConfig",
    "ClipKind",
    "ClipPlan",
    "ClipTruth",
    "Pattern",
    "Place",
    "RenderedShot",
    "Shot",
    "SmallWorldConfig",
    "SpriteWorldConfig",
    "State",
    "Subject",
    "SubjectTruth",
    "Texture",
    "Track",
    "Way",
    "Word",
    "alternatives",
    "canvas_map",
    "draw_small_texture",
    "draw_sprite",
    "in_state",
    "light",
    "lit",
    "look",
    "make_world",
    "opposite",
    "paint_texture",
    "plan_clip",
    "plan_in_small_world",
    "read_truth",
    "region_left",
    "render_shot",
    "sides",
    "sprite_pose",
    "sprite_size",
    "tell",
    "write_video",
]
