"""The sprite world: generated videos of moving textured sprites, with captions and with the truth about every frame.

It feeds the demo, and it is ground truth for measuring. Description (`scene.py`, drawn at random by `plan.py`), drawing
(`render.py`) and files (`world.py`) are apart: a judge can draw any sprite of a description again.
"""

from pipelines.sprites.plan import ClipKind, ClipPlan, SpriteWorldConfig, Word, plan_clip
from pipelines.sprites.render import RenderedShot, render_shot
from pipelines.sprites.scene import SHAPES, Place
from pipelines.sprites.small_stage import (
    SmallStageConfig,
    Way,
    draw_stage_texture,
    plan_on_stage,
    region_left,
    stage_size,
)
from pipelines.sprites.sprite import draw_sprite
from pipelines.sprites.textures import Pattern, Texture, paint_texture
from pipelines.sprites.world import ClipTruth, SubjectTruth, make_world, read_truth, write_video

__all__ = [
    "SHAPES",
    "ClipKind",
    "ClipPlan",
    "ClipTruth",
    "Pattern",
    "Place",
    "RenderedShot",
    "SmallStageConfig",
    "SpriteWorldConfig",
    "SubjectTruth",
    "Texture",
    "Way",
    "Word",
    "draw_sprite",
    "draw_stage_texture",
    "make_world",
    "paint_texture",
    "plan_clip",
    "plan_on_stage",
    "read_truth",
    "region_left",
    "render_shot",
    "stage_size",
    "write_video",
]
