"""The sprite world: generated videos of moving textured sprites, with captions and with the truth about every frame.

It feeds the demo, and it is ground truth for measuring. Description (`scene.py`, drawn at random by `plan.py`), drawing
(`render.py`) and files (`world.py`) are apart: a judge can draw any sprite of a description again.
"""

from pipelines.sprites.plan import ClipKind, ClipPlan, SpriteWorldConfig, Word, plan_clip
from pipelines.sprites.render import RenderedShot, render_shot
from pipelines.sprites.world import ClipTruth, SubjectTruth, make_world, read_truth, write_video

__all__ = [
    "ClipKind",
    "ClipPlan",
    "ClipTruth",
    "RenderedShot",
    "SpriteWorldConfig",
    "SubjectTruth",
    "Word",
    "make_world",
    "plan_clip",
    "read_truth",
    "render_shot",
    "write_video",
]
