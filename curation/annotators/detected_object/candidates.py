"""The boxes of a frame that may show what a word means, and how much each looks like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from curation.annotators.moving_object.colors import ColorHistogram, color_histogram
from curation.annotators.moving_object.regions import FrameEvidence, faster
from curation.annotators.protocols import ObjectCandidates
from curation.entity_words.object_classes import ObjectClasses
from curation.records import Mask

Box: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1; pixels of the working size

# Two boxes of one word with a greater IoU show one thing (the IoU that NanoDet's authors suppress at).
SAME_BOX_IOU: Final = 0.6

# So do a box and another within it that is not much smaller: with its reflection, or with what it stands on. Our
# choice: all but a tenth of the lesser, and of a greater IoU than most heads and bodies, or one and two people.
_WITHIN: Final = 0.9
_WITHIN_IOU: Final = 0.45

# Our choice: six boxes a frame, of which one is chosen in each of three: more are crowds, and those are ambiguous.
_MOST: Final = 6

# Our choice: a third of what a box is worth is up to motion. What stands still may be meant too, but of two dogs the
# one that runs is likelier.
_AT_REST: Final = 0.7

# A box of this share of the least score counts where another frame shows what looks like it for certain. Our choice: a
# half, the ratio of two thresholds from which Canny's edge detector works (1986: between a half and a third).
_FAINT: Final = 0.5

# A box sits on its thing loosely: what is within this share of it, around its middle, mostly shows the thing.
_MIDDLE: Final = 0.6

# Of whoever stands and waves an arm a quarter moves.
_MOVING_PART: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A box.

    Attributes:
        score: how surely the detector sees what the word means, weighted by how near its class is to the word.
        moves: how surely what is in it moves faster than what is around it, and than noise, [0, 1].
        colors: of its middle.
        shown: share of its middle that has a color which the caption names of some word, by the color's name.
        is_sure: its score is enough by itself.
        worth: how much it looks like what a caption would name: sure, large, moving, and of the word's colors.
    """

    box: Box
    score: float
    moves: float
    colors: ColorHistogram
    shown: Mapping[str, float]
    is_sure: bool
    worth: float


class SeenFrame(NamedTuple):
    """A frame, and what the detector sees in it, at working size.

    Attributes:
        known: of the frame.
        found: by the detector.
        classes: of the detector.
        named: where the frame has each color that the caption names of some word.
    """

    known: FrameEvidence
    found: ObjectCandidates
    classes: Sequence[str]
    named: Mapping[str, Mask]


def candidates(frame: SeenFrame, asked: ObjectClasses, *, least: float, near_weight: float) -> list[Candidate]:
    """The best boxes that do not show one another's thing, the best first.

    Args:
        frame: with all that the detector sees.
        asked: what the word means.
        least: score of a box that counts by itself.
        near_weight: of a class that is only near to what the word means.
    """
    boxes, scores = frame.found.boxes, _word_scores(frame, asked, near_weight)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if scores[index] < _FAINT * least or len(kept) == _MOST:
            break
        if not any(show_the_same(boxes[index], boxes[other]) for other in kept):
            kept.append(int(index))
    return [_describe(frame, _as_box(boxes[index]), float(scores[index]), least) for index in kept]


def show_the_same(one: Box | npt.NDArray[np.floating], other: Box | npt.NDArray[np.floating]) -> bool:
    """Whether two boxes of a word show one thing."""
    alike = box_iou(one, other)
    return alike > SAME_BOX_IOU or (
        alike > _WITHIN_IOU and _shared(one, other) >= _WITHIN * min(_area(one), _area(other))
    )


def box_iou(one: Box | npt.NDArray[np.floating], other: Box | npt.NDArray[np.floating]) -> float:
    """Intersection over union of two boxes; 0 where both are empty."""
    shared = _shared(one, other)
    union = _area(one) + _area(other) - shared
    return shared / union if union > 0 else 0.0


def box_mask(box: Box, shape: tuple[int, ...], *, scale: float = 1.0) -> Mask:
    """The pixels of a box, enlarged or shrunk around its middle; at least one."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_width, half_height = scale * (box[2] - box[0]) / 2, scale * (box[3] - box[1]) / 2
    height, width = shape
    left, top = (min(max(0, round(at)), end - 1) for at, end in ((x - half_width, width), (y - half_height, height)))
    mask = np.zeros((height, width), np.bool_)
    mask[top : max(top + 1, round(y + half_height)), left : max(left + 1, round(x + half_width))] = True
    return mask


def _word_scores(frame: SeenFrame, asked: ObjectClasses, near_weight: float) -> npt.NDArray[np.floating]:
    """For every box how surely it shows the word: the best of the word's classes."""
    best: npt.NDArray[np.floating] = np.zeros(len(frame.found.boxes), np.float32)
    for names, weight in ((asked.exact, 1.0), (asked.near, near_weight)):
        columns = [frame.classes.index(name) for name in names]
        if columns:
            best = np.maximum(best, weight * frame.found.scores[:, columns].max(axis=1))
    return best


def _describe(frame: SeenFrame, box: Box, score: float, least: float) -> Candidate:
    speed = frame.known.motion.speed
    middle = box_mask(box, speed.shape, scale=_MIDDLE)
    ring = box_mask(box, speed.shape, scale=1.5) & ~box_mask(box, speed.shape, scale=1.1)
    beyond_noise = min(1.0, float(np.quantile(speed[middle], _MOVING_PART)) / frame.known.min_speed)
    moves = beyond_noise * faster(speed[middle], speed[ring])
    share = _area(box) / speed.size
    return Candidate(
        box=box,
        score=score,
        moves=moves,
        colors=color_histogram([frame.known.cells], [middle]),
        shown={name: float(mask[middle].mean()) for name, mask in frame.named.items()},
        is_sure=score >= least,
        worth=score * share**0.25 * (_AT_REST + (1 - _AT_REST) * moves),
    )


def _as_box(row: npt.NDArray[np.floating]) -> Box:
    x0, y0, x1, y1 = (float(value) for value in row)
    return x0, y0, x1, y1


def _shared(one: Box | npt.NDArray[np.floating], other: Box | npt.NDArray[np.floating]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, float(width)) * max(0.0, float(height))


def _area(box: Box | npt.NDArray[np.floating]) -> float:
    return float(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))
