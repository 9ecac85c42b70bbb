"""Regions of a frame that may be the moving object, and the choice of one per frame that tells a single story."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from curation.annotators.moving_object.camera_motion import Plane
from curation.annotators.moving_object.colors import (
    ColorCells,
    ColorHistogram,
    color_cells,
    color_histogram,
    color_similarity,
)
from curation.annotators.moving_object.motion_evidence import MotionEvidence
from curation.masks import border_contact, connected_parts, disk, fill_holes, grow, iou
from curation.records import Mask

# Evidence below these is noise: speed in the unit of `MotionEvidence`, contradiction as a multiple of the expected
# noise, both also as a multiple of the frame's own median.
_MIN_SPEED: Final = 0.3
_SPEED_OVER_MEDIAN: Final = 2.2
_MIN_CONTRADICTION: Final = 0.5
_CONTRADICTION_OVER_MEDIAN: Final = 2.2

# Regions are cut at rising speeds, so that a fast object can be told from slow ones that touch it.
_THRESHOLD_RATIO: Final = 2.0
_MAX_THRESHOLDS: Final = 8
_MIN_AREA: Final = 0.003
_SAME_REGION_IOU: Final = 0.85
_MAX_REGIONS: Final = 6

# A region of this side (as a share of the frame's) is as salient as any larger one.
_FULL_SALIENCY_SIDE: Final = 0.45

# How much the same colors in two frames add to a choice, and the similarity from which they do.
_LINK_WEIGHT: Final = 0.3
_LINK_SIMILARITY: Final = 0.45


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameEvidence:
    """Evidence with what is derived from it once: cells of color, and the smallest meaningful values."""

    motion: MotionEvidence
    foreground: Plane
    cells: ColorCells
    min_speed: float
    contradicts: Mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """A candidate.

    Attributes:
        contrast: how surely a pixel inside moves faster than one just outside, [0, 1].
        saliency: how much it looks like the subject of the frame; from 0 on.
    """

    mask: Mask
    colors: ColorHistogram
    contrast: float
    saliency: float


def frame_evidence(motion: MotionEvidence, foreground: Plane) -> FrameEvidence:
    """Add what regions and outlines need."""
    floor = max(_MIN_CONTRADICTION, _CONTRADICTION_OVER_MEDIAN * float(np.median(motion.contradiction)))
    return FrameEvidence(
        motion=motion,
        foreground=foreground,
        cells=color_cells(motion.image),
        min_speed=max(_MIN_SPEED, _SPEED_OVER_MEDIAN * float(np.median(motion.speed))),
        contradicts=motion.contradiction > floor,
    )


def candidate_regions(frame: FrameEvidence) -> list[Region]:
    """The regions that move or that the network calls foreground, the most salient first."""
    masks = large_parts(frame.foreground > 0.5)
    threshold = frame.min_speed
    for _ in range(_MAX_THRESHOLDS):
        for mask in _moving_parts(frame, threshold):
            if all(iou(mask, known) <= _SAME_REGION_IOU for known in masks):
                masks.append(mask)
        threshold *= _THRESHOLD_RATIO
    return sorted((_describe(frame, mask) for mask in masks), key=lambda region: -region.saliency)


def choose_regions(candidates: Sequence[Sequence[Region]]) -> list[Region | None]:
    """One of the most salient regions per frame, or None, so that saliency and likeness are greatest together."""
    pairs = max(1, len(candidates) - 1)

    def story(choice: Sequence[Region | None]) -> float:
        present = [region for region in choice if region is not None]
        likeness = sum(
            color_similarity(one.colors, other.colors) - _LINK_SIMILARITY
            for one, other in itertools.combinations(present, 2)
        )
        return sum(region.saliency for region in present) + 2 * _LINK_WEIGHT * likeness / pairs

    choices: list[list[Region | None]] = [
        list(choice) for choice in itertools.product(*([None, *c[:_MAX_REGIONS]] for c in candidates))
    ]
    return max(choices, key=story)


def beside(candidates: Sequence[Region], mask: Mask) -> list[Region]:
    """Those that share less than a tenth with the object that the mask shows."""
    return [c for c in candidates if (c.mask & mask).sum() < 0.1 * min(c.mask.sum(), mask.sum())]


def rivalry(candidates: Sequence[Region], chosen: Region, mask: Mask) -> float:
    """The saliency of the best candidate beside the object that the mask shows, as a multiple of the chosen one's."""
    others = (rival.saliency for rival in beside(candidates[:_MAX_REGIONS], mask))
    return max(others, default=0.0) / max(chosen.saliency, 1e-6)


def _moving_parts(frame: FrameEvidence, threshold: float) -> list[Mask]:
    """Connected regions that move faster than the threshold and that the aligned neighbours contradict.

    Colors contradict at outlines and texture only, so that gaps are closed and what is enclosed is filled.
    """
    speed = frame.motion.speed
    hits = (frame.contradicts & (speed > threshold)).astype(np.uint8)
    hits = cv2.morphologyEx(hits, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    closed = cv2.morphologyEx(hits, cv2.MORPH_CLOSE, disk(max(3, max(speed.shape) // 50)))
    moving = (fill_holes(closed) & (speed > 0.8 * threshold)).astype(np.uint8)
    moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, disk(2))
    return large_parts(moving > 0)


def large_parts(mask: Mask) -> list[Mask]:
    """The connected parts that are large enough to be the subject of a frame."""
    return connected_parts(mask, min_area=_MIN_AREA * mask.size)


def _describe(frame: FrameEvidence, mask: Mask) -> Region:
    speed = frame.motion.speed
    side = float(np.sqrt(mask.sum()))
    colors = color_histogram([frame.cells], [mask])
    elsewhere = color_histogram([frame.cells], [~grow_at_least(mask, 0.2 * side)])
    distinctness = 1 - color_similarity(colors, elsewhere)
    contrast = motion_contrast(speed, mask)
    evidence = min(1.0, 2 * float(frame.contradicts[mask].mean()))
    size = min(1.0, side / np.sqrt(mask.size) / _FULL_SALIENCY_SIDE)
    known = float(frame.foreground[mask].mean())
    cut_off = border_contact(mask) * (1 - known)
    seen = 0.4 + 0.6 * max(evidence, known)
    saliency = size**0.7 * contrast * (1 - cut_off) ** 2 * seen * (0.3 + distinctness) * (1 + known)
    return Region(mask=mask, colors=colors, contrast=contrast, saliency=saliency)


def motion_contrast(speed: Plane, mask: Mask) -> float:
    """How surely a pixel inside moves faster than one just outside, see `faster`."""
    ring = grow_at_least(mask, 0.35 * float(np.sqrt(mask.sum()))) & ~grow_at_least(mask, 3)
    return faster(speed[mask], speed[ring])


def faster(these: npt.NDArray[np.floating], those: npt.NDArray[np.floating]) -> float:
    """2 P(one of these is greater than one of those) - 1, at least 0; the AUC, rescaled. 0 where there are none."""
    if not these.size or not those.size:
        return 0.0
    steps = np.linspace(0.02, 0.98, 25)
    return max(0.0, 2 * float((np.quantile(these, steps)[:, None] > np.quantile(those, steps)[None]).mean()) - 1)


def grow_at_least(mask: Mask, radius_px: float) -> Mask:
    """The mask dilated by a disk of at least three pixels radius."""
    return grow(mask, max(3, round(radius_px)))
