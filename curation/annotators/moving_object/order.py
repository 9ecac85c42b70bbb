"""Which of several things stands left of which, where that is clear."""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from curation.masks import mask_box
from curation.records import Mask

# A thing is left of another if its centre is, by more than this share of the wider one's width. Our choice: a mask that
# misses half of its thing shifts its centre by a quarter of the thing.
_CLEARLY: Final = 0.25


def left_to_right(things: Sequence[Sequence[Mask]]) -> list[int] | None:
    """The indices of the things by their mean horizontal centre, over the frames where they were found.

    None where that is no clear order: two neighbours in it that were never found in one frame, or a frame that shows
    two of them above each other or the other way round.

    Args:
        things: the mask of each thing in every frame, empty where it was not found; at least one is not.
    """
    centers = [float(np.mean([_center(mask) for mask in masks if mask.any()])) for masks in things]
    order = sorted(range(len(things)), key=lambda index: centers[index])
    for left, right in itertools.pairwise(order):
        both = [(a, b) for a, b in zip(things[left], things[right], strict=True) if a.any() and b.any()]
        if not both or not all(_is_left_of(a, b) for a, b in both):
            return None
    return order


def _is_left_of(one: Mask, other: Mask) -> bool:
    wider = max(np.ptp(mask_box(mask)[::2]) for mask in (one, other))
    return _center(other) - _center(one) > _CLEARLY * float(wider)


def _center(mask: Mask) -> float:
    return float(np.nonzero(mask)[1].mean())
