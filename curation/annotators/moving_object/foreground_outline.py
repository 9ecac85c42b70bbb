"""The outline of what moves, by motion where the network does not know the object and by the network where it does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.annotators.moving_object.colors import color_histogram, color_similarity
from curation.annotators.moving_object.foreground import Plane
from curation.annotators.moving_object.foreground_zoom import parts_touching
from curation.annotators.moving_object.regions import FrameEvidence, faster, grow_at_least
from curation.masks import connected_parts, fill_holes, iou
from curation.records import Mask

# Foreground that is fainter than this separates parts: above it two things side by side are seldom told apart.
_FAINT: Final = 0.3

# A part beside the moving mask belongs to the object if it moves against the camera with this contrast, or looks so
# much like what does. Our choice, on 30 clips of the sprite world in which something that rests touches the subject:
# the mean IoU there is 0.76 without the two, 0.84, 0.86, 0.86 with a contrast of 0.2, 0.35, 0.5 alone, and 0.79, 0.82,
# 0.83 with a likeness of 0.5, 0.6, 0.7 beside the second of these. Each is where the gain flattens.
_MIN_CONTRAST: Final = 0.35
_MIN_LIKENESS: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """How far the object reaches in one frame.

    Attributes:
        trust: how well the network knows the object, which is how much it counts against motion, [0, 1].
        certainty: how clear the outline is to whoever drew it, [0, 1].
    """

    mask: Mask
    trust: float
    certainty: float


def complete_outlines(
    frames: Sequence[FrameEvidence],
    regions: Sequence[Mask | None],
    moving: Sequence[Mask],
    foreground: Sequence[Plane],
) -> list[Outline]:
    """Motion and the network, mixed by how well the network knows what moves.

    That is the share of the moving mask that it calls foreground. Our choice: in this frame, but not more than in the
    median of all, because what is known in one frame of three is something else that stands there.

    Args:
        frames: the evidence.
        regions: the region that was chosen in each frame.
        moving: how far motion and colors say that it reaches; empty where there is none.
        foreground: what the network says of each frame.
    """
    planes = _without_bystanders(frames, moving, foreground)
    known = [float(plane[mask].mean()) if mask.any() else 0.0 for mask, plane in zip(moving, planes, strict=True)]
    usual = float(np.median([share for share, mask in zip(known, moving, strict=True) if mask.any()] or [0.0]))
    return [
        _mix(mask, region, plane, min(share, usual))
        for mask, region, plane, share in zip(moving, regions, planes, known, strict=True)
    ]


def _mix(moving: Mask, region: Mask | None, foreground: Plane, trust: float) -> Outline:
    nothing = Outline(mask=np.zeros_like(moving), trust=0.0, certainty=0.0)
    if region is None or not moving.any():
        return nothing
    near = foreground * parts_touching(foreground > _FAINT, moving)
    mask = fill_holes(parts_touching((1 - trust) * moving + trust * near > 0.5, moving))
    if not mask.any():
        return nothing
    clear = float(near[mask].sum() / np.maximum(near, mask).sum())
    return Outline(mask=mask, trust=trust, certainty=(1 - trust) * iou(moving, region) + trust * clear)


def _without_bystanders(
    frames: Sequence[FrameEvidence], moving: Sequence[Mask], foreground: Sequence[Plane]
) -> list[Plane]:
    """The foreground without what touches the object, rests, and looks unlike it.

    A part that rests in one frame is recognised by the colors of what moves in any.
    """
    beside = [list(_parts_beside(mask, plane)) for mask, plane in zip(moving, foreground, strict=True)]
    resting, ours = [], []
    for frame, mask, plane, parts in zip(frames, moving, foreground, beside, strict=True):
        speed, around = frame.motion.speed, _around((plane > _FAINT) | mask)
        moves = [faster(speed[part], speed[around]) >= _MIN_CONTRAST for part in parts]
        resting.append([part for part, does in zip(parts, moves, strict=True) if not does])
        ours.append(np.any([mask, *(part for part, does in zip(parts, moves, strict=True) if does)], axis=0))
    colors = color_histogram([frame.cells for frame in frames], ours)
    kept = []
    for frame, mask, plane, parts in zip(frames, moving, foreground, resting, strict=True):
        clean = plane.copy()
        for part in parts:
            if color_similarity(color_histogram([frame.cells], [part]), colors) < _MIN_LIKENESS:
                clean[grow_at_least(part, 3) & ~mask] = 0
        kept.append(clean)
    return kept


def _parts_beside(moving: Mask, foreground: Plane) -> Iterator[Mask]:
    yield from connected_parts((foreground > _FAINT) & ~grow_at_least(moving, 3))


def _around(seen: Mask) -> Mask:
    return grow_at_least(seen, 0.35 * float(np.sqrt(seen.sum()))) & ~grow_at_least(seen, 3)
