"""One box per frame, so that the three tell a single story: sure, large, moving, and alike."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from curation.annotators.detected_object.candidates import SAME_BOX_IOU, Candidate, box_iou
from curation.annotators.moving_object.colors import color_similarity

# How much the same colors in two frames add to a choice, and the similarity from which they do. Our choice: those of
# the moving regions, which are worth about as much.
_LINK_WEIGHT: Final = 0.3
_LINK_SIMILARITY: Final = 0.45


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Story:
    """What one thing does: its box in each frame, None where it is not seen."""

    boxes: tuple[Candidate | None, ...]

    @property
    def worth(self) -> float:
        """Of its boxes together."""
        return sum(box.worth for box in self.boxes if box is not None)


def best_story(frames: Sequence[Sequence[Candidate]]) -> Story | None:
    """The boxes whose worth and likeness are greatest together; None without a sure one."""
    pairs = max(1, len(frames) - 1)
    alike = cache(lambda one, other: color_similarity(one.colors, other.colors))  # of a pair that many choices hold

    def value(choice: Sequence[Candidate | None]) -> float:
        present = [box for box in choice if box is not None]
        likeness = sum(alike(one, other) - _LINK_SIMILARITY for one, other in itertools.combinations(present, 2))
        return sum(box.worth for box in present) + 2 * _LINK_WEIGHT * likeness / pairs

    choices: list[tuple[Candidate | None, ...]] = list(itertools.product(*([None, *boxes] for boxes in frames)))
    best = max(filter(_confirm_each_other, choices), key=value)
    return Story(boxes=best) if any(best) else None


def without(frames: Sequence[Sequence[Candidate]], stories: Sequence[Story]) -> list[list[Candidate]]:
    """The boxes of each frame that show nothing of these stories."""
    return [
        [box for box in boxes if not any(_shows(story.boxes[at], box) for story in stories)]
        for at, boxes in enumerate(frames)
    ]


def rivalry(story: Story, others: Sequence[Sequence[Candidate]]) -> float:
    """The worth of the best other box as a multiple of the chosen one's: the median over the frames of the story."""
    shares = [
        max((other.worth for other in boxes), default=0.0) / max(chosen.worth, 1e-6)
        for chosen, boxes in zip(story.boxes, others, strict=True)
        if chosen is not None
    ]
    return float(np.median(shares)) if shares else 0.0


def count_rivals(story: Story, others: Sequence[Sequence[Candidate]], least: float) -> float:
    """How many other boxes are worth at least that multiple of the chosen one: the median over the story's frames."""
    counts = [
        sum(other.worth >= least * chosen.worth for other in boxes)
        for chosen, boxes in zip(story.boxes, others, strict=True)
        if chosen is not None
    ]
    return float(np.median(counts)) if counts else 0.0


def _confirm_each_other(choice: Sequence[Candidate | None]) -> bool:
    """Whether every faint box looks like a sure one."""
    sure = [box for box in choice if box is not None and box.is_sure]
    return all(
        box is None
        or box.is_sure
        or any(color_similarity(box.colors, other.colors) >= _LINK_SIMILARITY for other in sure)
        for box in choice
    )


def _shows(chosen: Candidate | None, box: Candidate) -> bool:
    return chosen is not None and box_iou(chosen.box, box.box) > SAME_BOX_IOU
