"""What a background shows of the colors of the entities that it was painted out of."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from curation.annotators.protocols import Painted
from curation.masks import grow, resize_mask
from curation.records import Image

# The leak of colors is measured at this size, on slightly blurred pictures: single pixels are noise.
_SIDE: Final = 320
_BLUR_PX: Final = 1.0

# A pixel looks like the entity if its nearest colors there are nearer, by this factor, than those of the background.
# Our choice: so many neighbours of so many pixels of each, and no more pixels are asked about; and colors that both
# share count as clean.
_NEARER: Final = 0.8
_NEIGHBOURS: Final = 5
_EXAMPLES: Final = 3000

# Colors nearer than this are the same, in 8-bit levels of Lab.
_SAME_COLOR: Final = 1.0


def color_leak(painted: Painted, *, rim: float, gap: float) -> float:
    """How much of the entities is left in the painted picture, [0, 1]; 0 is clean.

    The share of pixels that look more like the entities than like the background: of those in the hole, or twice that
    of those right around it, whichever is more. Our choice: twice, because a mask that misses a half of its entity
    touches what it missed along a half of its outline at most. Of drawn scenes in which a part of the subject was left
    out on purpose, three quarters exceed a quarter by this, and no clean one does.

    Args:
        painted: the frame before and after.
        rim: width of what is looked at around the hole, as a share of the entities' side.
        gap: how far from the hole the background surely begins, as a share of the entities' side.
    """
    height, width = painted.hole.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    entity, hole = resize_mask(painted.entities, size), resize_mask(painted.hole, size)
    side = float(np.sqrt(entity.sum()))
    around = grow(hole, max(1, round(rim * side))) & ~hole
    background = ~grow(hole, max(1, round(gap * side)))
    if not background.any():
        background = ~hole
    if not background.any():
        return 0.0
    before, after = (_colors(image, size) for image in (painted.frame.image, painted.image))
    entity_colors, background_colors = (_examples(before[region]) for region in (entity, background))
    in_hole, in_rim = (
        _share_like(after[region], entity_colors, background_colors) if region.any() else 0.0
        for region in (hole, around)
    )
    return min(1.0, max(in_hole, 2 * in_rim))


def _share_like(colors: npt.NDArray[np.float32], entity: cKDTree, background: cKDTree) -> float:
    """How many of the colors, or of as many of them as are enough, are clearly nearer to the entity's."""
    asked = _chosen(colors)
    return float(np.mean(_distance(asked, entity) < _NEARER * _distance(asked, background)))


def _colors(image: Image, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Lab, (height, width, 3), at the given (width, height)."""
    lab = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    colors: npt.NDArray[np.float32] = cv2.GaussianBlur(lab.astype(np.float32), (0, 0), _BLUR_PX)
    return colors


def _examples(colors: npt.NDArray[np.float32]) -> cKDTree:
    return cKDTree(_chosen(colors))


def _chosen(colors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Evenly, at most so many."""
    chosen: npt.NDArray[np.float32] = colors[np.linspace(0, len(colors) - 1, min(len(colors), _EXAMPLES)).astype(int)]
    return chosen


def _distance(colors: npt.NDArray[np.float32], examples: cKDTree) -> npt.NDArray[np.float64]:
    """For every color its mean distance to the nearest examples."""
    neighbours = np.arange(1, min(_NEIGHBOURS, examples.n) + 1)
    found, _ = examples.query(colors, k=neighbours)
    distance: npt.NDArray[np.float64] = found.mean(axis=1) + _SAME_COLOR
    return distance
