"""What a caption says of how things look and where they are, held against boxes."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from curation.annotators.detected_object.candidates import Candidate
from curation.annotators.detected_object.named_colors import known_colors
from curation.annotators.detected_object.story import Story
from curation.entity_words.looks import Looks

# A box in which this share has the color that the caption names is as good as any. Our choice: a skirt is a fifth of a
# girl. One without it is worth half: colors of captions are wrong too, and light changes them.
_ENOUGH: Final = 0.1
_WITHOUT: Final = 0.5

# Things are told apart where each shows its own colors, or not the other's, twice as much as in any other order.
_TWICE: Final = 2 / 3 - 1 / 3


def in_colors(box: Candidate, looks: Looks) -> Candidate:
    """The box, worth less without the colors that are said of the word."""
    names = known_colors(looks.colors)
    if not names:
        return box
    shown = min(1.0, _share(box, names) / _ENOUGH)
    return replace(box, worth=box.worth * (_WITHOUT + (1 - _WITHOUT) * shown))


def tell_apart(words: Sequence[Looks], stories: Sequence[Story], by_place: Sequence[int] | None) -> list[int] | None:
    """For every word the index of its story; None where nothing that is said decides.

    Args:
        words: what is said of them.
        stories: as many.
        by_place: the indices of the stories from left to right; None where that is no clear order.
    """
    sides = [looks.side for looks in words]
    if by_place is not None and len(words) == 2 and set(sides) in ({"left", "right"}, {"left", ""}, {"right", ""}):
        first_is_left = sides[0] == "left" or sides[1] == "right"
        return list(by_place) if first_is_left else list(by_place)[::-1]
    fits = np.array([_fits(looks, stories) for looks in words])
    orders = sorted(
        itertools.permutations(range(len(stories))),
        key=lambda order: -sum(fits[word, story] for word, story in enumerate(order)),
    )
    best, second = (sum(fits[word, story] for word, story in enumerate(order)) for order in orders[:2])
    return list(orders[0]) if best - second >= _TWICE else None


def _fits(looks: Looks, stories: Sequence[Story]) -> list[float]:
    """How much of a word's colors each story has, of what all have; nothing where none has enough to tell."""
    names = known_colors(looks.colors)
    shares = [
        float(np.mean([_share(box, names) for box in story.boxes if box is not None])) if names else 0.0
        for story in stories
    ]
    return [share / sum(shares) for share in shares] if max(shares) >= _ENOUGH else [0.0] * len(shares)


def _share(box: Candidate, names: frozenset[str]) -> float:
    return max(box.shown[name] for name in names)
