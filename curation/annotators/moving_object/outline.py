"""From a rough moving region in each frame to the object's outline: colors learned over all frames at once."""

import itertools
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from curation.annotators.moving_object.camera_motion import Plane
from curation.annotators.moving_object.colors import color_histogram
from curation.annotators.moving_object.regions import FrameEvidence, Region, grow_at_least
from curation.masks import connected_parts, disk, fill_holes
from curation.records import Mask

# Log-odds of a pixel being object: inside the region, on contradicting colors, on what does not move, outside the
# region; the last falls further with distance. Our choice, all of them: motion proposes, color may overrule it by at
# most _MAX_COLOR_ODDS.
_INSIDE: Final = 1.5
_CONTRADICTS: Final = 1.0
_AT_REST: Final = -1.5
_OUTSIDE: Final = -1.0
_MAX_DISTANCE_ODDS: Final = -6.0
_MAX_COLOR_ODDS: Final = 3.0
_COLOR_ROUNDS: Final = 2

# Around the outline, as a share of the object's side: how far in and out GrabCut may move it.
_OUTWARD: Final = 0.12
_INWARD: Final = 0.08


def outline_objects(frames: Sequence[FrameEvidence], regions: Sequence[Region | None]) -> list[Mask]:
    """What motion and colors say of the object's mask in every frame; empty where no region was chosen.

    One color model serves all frames: what rests in one frame is recognised by its motion in another.
    """
    odds = [_motion_odds(frame, region) for frame, region in zip(frames, regions, strict=True)]
    belief = [_probability(o) for o in odds]
    cells = [frame.cells for frame in frames]
    for _ in range(_COLOR_ROUNDS):
        ours = color_histogram(cells, belief)
        theirs = color_histogram(cells, [1 - b for b in belief])
        color_odds = np.clip(np.log((ours + 1e-5) / (theirs + 1e-5)), -_MAX_COLOR_ODDS, _MAX_COLOR_ODDS)
        belief = [
            _probability(cv2.GaussianBlur(o + color_odds[c], (0, 0), 2.0)) for o, c in zip(odds, cells, strict=True)
        ]
    rough = [b > 0.5 for b in belief]
    return [
        _keep_grown_from(mask, region) for mask, region in zip(_cut_along_edges(frames, rough), regions, strict=True)
    ]


def _motion_odds(frame: FrameEvidence, region: Region | None) -> Plane:
    speed = frame.motion.speed
    if region is None:
        return np.full(speed.shape, _MAX_DISTANCE_ODDS, np.float32)
    side = float(np.sqrt(region.mask.sum()))
    distance = cv2.distanceTransform((~region.mask).astype(np.uint8), cv2.DIST_L2, 5)
    odds = np.where(region.mask, _INSIDE, _OUTSIDE)
    odds = odds + np.where(region.mask & frame.contradicts, _CONTRADICTS, 0.0)
    odds = odds + np.where(speed < 0.75 * frame.min_speed, _AT_REST, 0.0)
    odds = odds + np.maximum(_MAX_DISTANCE_ODDS, -distance / (0.15 * side + 2))
    smooth: Plane = cv2.GaussianBlur(odds.astype(np.float32), (0, 0), 1.5)
    return smooth


def _probability(odds: npt.NDArray[np.floating]) -> Plane:
    probability: Plane = (1 / (1 + np.exp(-odds))).astype(np.float32)
    return probability


def _cut_along_edges(frames: Sequence[FrameEvidence], rough: Sequence[Mask]) -> list[Mask]:
    """GrabCut in a band around the outlines, all frames in one picture so that they share their color mixtures."""
    labels = np.vstack([_band_labels(mask) for mask in rough])
    if not (labels == cv2.GC_PR_FGD).any() or not (labels == cv2.GC_FGD).any():
        return list(rough)
    picture = np.vstack([frame.motion.image for frame in frames])
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 1, cv2.GC_INIT_WITH_MASK)
    objects = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    rows = np.cumsum([0, *(len(mask) for mask in rough)])
    return [objects[start:stop] for start, stop in itertools.pairwise(rows)]


def _band_labels(mask: Mask) -> npt.NDArray[np.uint8]:
    side = float(np.sqrt(mask.sum()))
    labels: npt.NDArray[np.uint8] = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[~grow_at_least(mask, _OUTWARD * side)] = cv2.GC_BGD
    labels[cv2.erode(mask.astype(np.uint8), disk(max(2, int(_INWARD * side)))) > 0] = cv2.GC_FGD
    return labels


def _keep_grown_from(mask: Mask, region: Region | None) -> Mask:
    """The parts of the mask that the region lies in, small scraps left out, holes filled."""
    kept = np.zeros_like(mask)
    if region is None:
        return kept
    for part in connected_parts(mask, min_area=0.05 * mask.sum()):
        if (part & region.mask).sum() > 0.1 * part.sum():
            kept |= part
    return fill_holes(kept)
