"""The clips of one world, before they are drawn, and where their subjects stand."""

import numpy as np

from worlds.affine import apply
from worlds.sprites import ClipKind, Shot, SpriteWorldConfig, plan_clip
from worlds.sprites.shot import Subject

HEIGHT, WIDTH = 80, 144
MANY = SpriteWorldConfig(clips=240)
PLANS = tuple(plan_clip(MANY, index) for index in range(MANY.clips))
DESIRABLE = tuple(plan for plan in PLANS if plan.kind == ClipKind.DESIRABLE)


def ground_x(shot: Shot, subject: Subject, frame: int) -> float:
    """Where a subject stands in a frame, in shares of the frame's width."""
    clock = shot.camera_clock(frame)
    view = shot.camera.view(*clock, height=HEIGHT, width=WIDTH)
    return float(apply(view, np.array([subject.ground_point(clock[1])]))[0, 0]) / WIDTH
