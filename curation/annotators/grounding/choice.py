"""Which of a detector's boxes are the entities: every box goes to its best word, every word keeps its best box."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from curation.annotators.grounding.networks import Boxes, ScoredMask, WordBoxes
from curation.masks import mask_box
from curation.records import Mask
from storage.configs import strict

# Of the smaller box inside the larger: a head is part of its body, and one person part of a group.
_PART: Final = 0.8


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceConfig:
    """When a box or a mask counts. The paper gives no value (3.1); those of its authors are their evaluator's.

    Attributes:
        min_box_score: least score of a box; the authors' evaluator.
        max_box_area: of the frame. Our choice: 0.95, as Data-Juicer; a larger box says that the word is in the picture,
            not where.
        nms_iou: two boxes of one word that overlap more are one. Our choice: 0.5, as VACE and Data-Juicer.
        max_rival: a word that fits a second place in the frame is ambiguous there if the second score is more than this
            share of the best: nothing says which one the caption means, and the next frame might show the other one.
            A part of the best place is no second place, nor is one that another word fits better. 1 takes the best box
            always, as the authors' evaluator does.
            Our choice: 0.8, between two equals (0.95 and more) and a bystander (0.6).
        min_mask_score: least IoU that the segmenter predicts for its mask; the authors' evaluator.
        min_mask_extent: least IoU of the mask's own box with the detected box; a mask of the shirt is none of the man.
            The authors' evaluator wants them equal to 3 pixels, which is 0.95 for a box of 200.
            Our choice: 0.5; a detected box is seldom that exact, and in curation a lost mask costs a reference, not
            only a score.
    """

    min_box_score: float = 0.4
    max_box_area: float = 0.95
    nms_iou: float = 0.5
    max_rival: float = 0.8
    min_mask_score: float = 0.9
    min_mask_extent: float = 0.5

    def __post_init__(self) -> None:
        for name in ("min_box_score", "max_box_area", "nms_iou", "max_rival", "min_mask_score", "min_mask_extent"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, expected a number in [0, 1]")


class ChosenBox(NamedTuple):
    """The best box of a word.

    Attributes:
        word: index among the words asked for.
        box: inside the frame.
        rival_score: the score of the next best place that the word fits; 0 if there is none.
    """

    word: int
    box: npt.NDArray[np.float64]
    score: float
    rival_score: float


def choose_boxes(found: WordBoxes, config: ChoiceConfig, *, height: int, width: int) -> list[ChosenBox]:
    """One box for every word that has a good one, in the order of the words."""
    places = _places(found, config, height=height, width=width)
    best = {word: boxes[0] for word, boxes in places.items()}
    return [
        best[word]._replace(rival_score=_rival_score(word, boxes[1:], best, config.nms_iou))
        for word, boxes in sorted(places.items())
    ]


def is_ambiguous(chosen: ChosenBox, config: ChoiceConfig) -> bool:
    """Whether the word fits a second place in the frame about as well."""
    return chosen.rival_score > config.max_rival * chosen.score


def trim_mask(found: ScoredMask, box: npt.NDArray[np.float64], config: ChoiceConfig) -> Mask | None:
    """The mask inside its box, as the crop will show it; None for one that is no outline of what the box holds."""
    if found.score < config.min_mask_score or found.mask.mean() > config.max_box_area:
        return None
    x0, y0 = np.floor(box[:2]).astype(int)
    x1, y1 = np.ceil(box[2:]).astype(int)
    mask = np.zeros_like(found.mask)
    mask[y0:y1, x0:x1] = found.mask[y0:y1, x0:x1]
    if not mask.any() or _iou(np.array(mask_box(mask), np.float64), box[None])[0] < config.min_mask_extent:
        return None
    return mask


def _places(found: WordBoxes, config: ChoiceConfig, *, height: int, width: int) -> dict[int, list[ChosenBox]]:
    """For every word its boxes after suppression, best first."""
    boxes = found.boxes.clip(0, [width, height, width, height])
    words, scores = found.scores.argmax(axis=1), found.scores.max(axis=1)
    sides = boxes[:, 2:] - boxes[:, :2]
    is_good = (scores >= config.min_box_score) & (scores > 0) & (sides > 0).all(axis=1)
    is_good &= sides.prod(axis=1) <= config.max_box_area * height * width
    places: dict[int, list[ChosenBox]] = {}
    good = np.flatnonzero(is_good)
    for index in good[np.argsort(-scores[good], kind="stable")]:
        kept = places.setdefault(int(words[index]), [])
        if not kept or (_iou(boxes[index], np.stack([other.box for other in kept])) <= config.nms_iou).all():
            kept.append(ChosenBox(int(words[index]), boxes[index], float(scores[index]), 0.0))
    return places


def _rival_score(word: int, others: Sequence[ChosenBox], best: Mapping[int, ChosenBox], nms_iou: float) -> float:
    for other in others:
        taken = [chosen.box for at, chosen in best.items() if at != word and chosen.score >= other.score]
        is_taken = bool(taken) and bool((_iou(other.box, np.stack(taken)) > nms_iou).any())
        if not is_taken and not _is_part(other.box, best[word].box):
            return other.score
    return 0.0


def _is_part(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    return bool(_intersection(one, other[None])[0] > _PART * min(_area(one[None])[0], _area(other[None])[0]))


def _iou(box: npt.NDArray[np.float64], others: Boxes) -> npt.NDArray[np.float64]:
    shared = _intersection(box, others)
    return np.asarray(shared / (_area(box[None]) + _area(others) - shared), np.float64)


def _intersection(box: npt.NDArray[np.float64], others: Boxes) -> npt.NDArray[np.float64]:
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return np.asarray(sides.clip(0).prod(axis=1), np.float64)


def _area(boxes: Boxes) -> npt.NDArray[np.float64]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), np.float64)
