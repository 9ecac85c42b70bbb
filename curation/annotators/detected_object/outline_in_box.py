"""How far the thing in a detector's box reaches: what the box, a small network, motion and colors say, added up.

Each says how likely a pixel belongs to the thing, as log-odds, and no more than it knows: the network as far as it
knows what stands in the middle of the box, motion where the thing moves unlike what is around it, and colors are
learned from the others, over all frames at once. Our choice, all the numbers: round ones, several of which (motion,
the sure middle, the reach, the cuts) are the best of some twenty variants on DAVIS sequences that the benchmark has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from curation.annotators.detected_object.candidates import Box, Candidate, box_iou, box_mask
from curation.annotators.moving_object.camera_motion import Plane
from curation.annotators.moving_object.colors import color_histogram
from curation.annotators.moving_object.foreground import Foreground
from curation.annotators.moving_object.regions import FrameEvidence
from curation.masks import connected_parts, fill_holes, iou, mask_box
from curation.records import Image, Mask

# The box alone: odds in its middle, and how they fall towards its rounded edge, where they are even, and beyond.
_SURE_MIDDLE: Final = 1.0
_ROUNDNESS: Final = 3.0
_FALL: Final = 3.0
_OUTSIDE: Final = -6.0

# What the others may say at most, against the box and each other.
_NETWORK: Final = 3.0
_MOTION: Final = 1.0
_COLORS: Final = 3.0
_COLOR_ROUNDS: Final = 2

# Motion counts from this contrast on, as it does for what touches a moving object.
_MIN_CONTRAST: Final = 0.35

# The network looks at the frame, and at crops with this much of the box's longer side around it.
_MARGINS: Final = (0.25, 0.6)

# The middle of a box, where the network is asked what it knows; how far beyond its box a thing may reach; around a box,
# where colors are learned, and where edges are cut along.
_MIDDLE: Final = 0.5
_REACH: Final = 1.1
_AROUND: Final = 1.6
_VICINITY: Final = 2.5

# What is surer than this one way or the other is not asked of GrabCut, and how often that learns its color mixtures.
_CERTAIN: Final = 0.97
_CUTS: Final = 2

# Parts of the outline smaller than this share of the largest are scraps.
_SCRAP: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxOutline:
    """The thing in one frame, at working size.

    Attributes:
        belief: how surely each pixel belongs to it before edges were looked for, [0, 1].
        certainty: how clear the outline is, [0, 1]: what is believed in the mask, of what is believed or in it.
        agreement: IoU of the mask and what is likelier than not; edges elsewhere speak against both.
        fit: IoU of the box around the mask and the detector's.
    """

    mask: Mask
    belief: Plane
    certainty: float
    agreement: float
    fit: float

    @property
    def score(self) -> float:
        """How good the outline is, [0, 1]: the geometric mean of the three."""
        return float(np.cbrt(self.certainty * self.agreement * self.fit))


def outline_in_boxes(
    images: Sequence[Image],
    frames: Sequence[FrameEvidence],
    boxes: Sequence[Candidate | None],
    network: Foreground,
) -> list[BoxOutline | None]:
    """The outline in every frame that has a box; None in the others, and where nothing of the box is left.

    Args:
        images: the frames at full size.
        frames: what is known of them.
        boxes: of the thing.
        network: loaded.
    """
    at = [index for index, box in enumerate(boxes) if box is not None]
    present = [box for box in boxes if box is not None]
    odds = [
        _odds(images[index], frames[index], candidate, network) for index, candidate in zip(at, present, strict=True)
    ]
    shown = [frames[index] for index in at]
    beliefs = _with_colors(shown, present, odds)
    masks = _cut_along_edges(shown, present, beliefs)
    outlines: list[BoxOutline | None] = [None] * len(boxes)
    for index, candidate, belief, mask in zip(at, present, beliefs, masks, strict=True):
        outlines[index] = _outline(belief, mask, candidate.box)
    return outlines


def _odds(image: Image, frame: FrameEvidence, candidate: Candidate, network: Foreground) -> Plane:
    """What all but the colors say."""
    odds = _box_odds(candidate.box, frame.foreground.shape)
    odds = odds + _network_odds(image, frame, candidate.box, network)
    if candidate.moves >= _MIN_CONTRAST:
        odds = odds + candidate.moves * _motion_odds(frame)
    smooth: Plane = cv2.GaussianBlur(odds.astype(np.float32), (0, 0), 1.5)
    return smooth


def _box_odds(box: Box, shape: tuple[int, ...]) -> Plane:
    """A superellipse in the box: sides like the box's, but rounded corners."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32) + 0.5
    across = np.abs(x - (box[0] + box[2]) / 2) / max(1.0, (box[2] - box[0]) / 2)
    down = np.abs(y - (box[1] + box[3]) / 2) / max(1.0, (box[3] - box[1]) / 2)
    radius = (across**_ROUNDNESS + down**_ROUNDNESS) ** (1 / _ROUNDNESS)
    odds: Plane = np.clip(_FALL * (1 - radius), _OUTSIDE, _SURE_MIDDLE)
    beyond = np.maximum(across, down) - 1
    fallen: Plane = np.maximum(_OUTSIDE, odds - np.maximum(0, beyond) * 10 * _FALL)
    return fallen


def _network_odds(image: Image, frame: FrameEvidence, box: Box, network: Foreground) -> Plane:
    """Of the closest look that knows the thing best."""
    shape = frame.foreground.shape
    middle = box_mask(box, shape, scale=_MIDDLE)
    windows = dict.fromkeys(_window(box, margin, shape) for margin in _MARGINS)
    windows.pop((0, 0, shape[1], shape[0]), None)
    looks = [frame.foreground, *(_look_closely(image, shape, window, network) for window in windows)]
    known = [float(look[middle].mean()) for look in looks]
    best = int(np.argmax(known))
    probability = np.clip(looks[best], 1e-3, 1 - 1e-3)
    odds: Plane = known[best] * np.clip(np.log(probability / (1 - probability)), -_NETWORK, _NETWORK)
    return odds


def _window(box: Box, margin: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The box with room around it, as far as the frame reaches: x0, y0, x1, y1."""
    height, width = shape
    room = margin * max(box[2] - box[0], box[3] - box[1])
    x0, y0 = max(0, round(box[0] - room)), max(0, round(box[1] - room))
    return x0, y0, min(width, max(x0 + 2, round(box[2] + room))), min(height, max(y0 + 2, round(box[3] + room)))


def _look_closely(
    image: Image, shape: tuple[int, ...], window: tuple[int, int, int, int], network: Foreground
) -> Plane:
    """The foreground of a crop of the frame, at working size; nothing outside it."""
    (height, width), (x0, y0, x1, y1) = shape, window
    down, across = image.shape[0] / height, image.shape[1] / width
    crop = image[round(y0 * down) : round(y1 * down), round(x0 * across) : round(x1 * across)]
    plane = np.zeros(shape, np.float32)
    close = network.probability(np.ascontiguousarray(crop))
    plane[y0:y1, x0:x1] = cv2.resize(close, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    return plane


def _motion_odds(frame: FrameEvidence) -> Plane:
    """For what moves against the camera, and against what rests."""
    speed = frame.motion.speed
    moving = (speed > frame.min_speed).astype(np.float32)
    resting = (speed < 0.75 * frame.min_speed).astype(np.float32)
    odds: Plane = _MOTION * (moving + 0.5 * frame.contradicts.astype(np.float32) - resting)
    return odds


def _with_colors(frames: Sequence[FrameEvidence], boxes: Sequence[Candidate], odds: Sequence[Plane]) -> list[Plane]:
    """The beliefs after colors, learned over all frames, were added to the odds."""
    belief = [_probability(plane) for plane in odds]
    cells = [frame.cells for frame in frames]
    reach = [box_mask(box.box, plane.shape, scale=_REACH) for box, plane in zip(boxes, odds, strict=True)]
    around = [box_mask(box.box, plane.shape, scale=_AROUND) for box, plane in zip(boxes, odds, strict=True)]
    for _ in range(_COLOR_ROUNDS):
        ours = color_histogram(cells, belief)
        theirs = color_histogram(cells, [(1 - b) * near for b, near in zip(belief, around, strict=True)])
        color_odds = np.clip(np.log((ours + 1e-5) / (theirs + 1e-5)), -_COLORS, _COLORS)
        belief = [
            _probability(cv2.GaussianBlur(plane + color_odds[c].astype(np.float32), (0, 0), 2.0)) * near
            for plane, c, near in zip(odds, cells, reach, strict=True)
        ]
    return belief


def _cut_along_edges(
    frames: Sequence[FrameEvidence], boxes: Sequence[Candidate], beliefs: Sequence[Plane]
) -> list[Mask]:
    """GrabCut where the belief is uncertain, all frames in one picture, so that they share their color mixtures."""
    masks = [belief > 0.5 for belief in beliefs]
    windows = [
        mask_box(box_mask(box.box, belief.shape, scale=_VICINITY)) for box, belief in zip(boxes, beliefs, strict=True)
    ]
    labels = _stacked([_labels(belief) for belief in beliefs], windows, cv2.GC_BGD)
    if not np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).any():
        return masks
    pictures = _stacked([frame.motion.image for frame in frames], windows, 0)
    cv2.setRNGSeed(0)
    cv2.grabCut(pictures, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _CUTS, cv2.GC_INIT_WITH_MASK)
    top = 0
    for mask, (x0, y0, x1, y1) in zip(masks, windows, strict=True):
        cut = labels[top : top + y1 - y0, : x1 - x0]
        mask[y0:y1, x0:x1] = (cut == cv2.GC_FGD) | (cut == cv2.GC_PR_FGD)
        top += y1 - y0
    return masks


def _labels(belief: Plane) -> npt.NDArray[np.uint8]:
    labels: npt.NDArray[np.uint8] = np.where(belief > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[belief > _CERTAIN] = cv2.GC_FGD
    labels[belief < 1 - _CERTAIN] = cv2.GC_BGD
    return labels


def _stacked(
    planes: Sequence[npt.NDArray[np.uint8]], windows: Sequence[tuple[int, int, int, int]], fill: int
) -> npt.NDArray[np.uint8]:
    """The windows of the planes one below the other, filled up on the right."""
    width = max(x1 - x0 for x0, _, x1, _ in windows)
    rows = []
    for plane, (x0, y0, x1, y1) in zip(planes, windows, strict=True):
        window = plane[y0:y1, x0:x1]
        room = [(0, 0), (0, width - window.shape[1]), *[(0, 0)] * (plane.ndim - 2)]
        rows.append(np.pad(window, room, constant_values=fill))
    return np.vstack(rows)


def _outline(belief: Plane, cut: Mask, box: Box) -> BoxOutline | None:
    parts = connected_parts(cut)
    if not parts:
        return None
    largest = max(part.sum() for part in parts)
    mask: Mask = fill_holes(np.any([part for part in parts if part.sum() >= _SCRAP * largest], axis=0))
    certainty = float(belief[mask].sum() / np.maximum(belief, mask).sum())
    fit = box_iou(mask_box(mask), box)
    agreement = iou(mask, belief > 0.5)
    return BoxOutline(mask=mask, belief=belief, certainty=certainty, agreement=agreement, fit=fit)


def _probability(odds: npt.NDArray[np.floating]) -> Plane:
    probability: Plane = (1 / (1 + np.exp(-odds))).astype(np.float32)
    return probability
