"""Which box is whose: words of several classes bind at once, words of one only where something tells them apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from curation.annotators.detected_object.candidates import Candidate, box_mask
from curation.annotators.detected_object.looks_of_boxes import in_colors, tell_apart
from curation.annotators.detected_object.story import Story, best_story, count_rivals, rivalry, without
from curation.annotators.moving_object.order import left_to_right
from curation.entity_words.looks import Looks
from curation.entity_words.object_classes import ObjectClasses
from curation.records import Mask

# Another box of the class that is worth this much, as a multiple of the chosen one, might as well be what the word
# means. Our choice: a fifth less is no clear difference, as for moving things.
_RIVALS: Final = 0.8

# Beside several words of one class less is enough: a thing too many shifts who is who.
_RIVALS_OF_SEVERAL: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """A word that the detector knows, and the boxes of each frame that may show what it means."""

    index: int
    start: int
    classes: ObjectClasses
    looks: Looks
    frames: Sequence[Sequence[Candidate]]


class Bound(NamedTuple):
    """What a word means, as far as it was found; ambiguous where it might be something else of its class."""

    story: Story
    is_ambiguous: bool


def bind(asked: Sequence[Asked], shape: tuple[int, ...], *, by_order: bool) -> dict[int, Bound]:
    """For every word that shows its thing, by its index.

    The kind of thing that is seen most clearly chooses first, and what it took shows nothing else: a detector calls
    many a cat a dog as well.

    Args:
        asked: the words.
        shape: of the frames at working size.
        by_order: the caption names the things of one class from left to right. Otherwise they are told apart by what it
            says of their colors and places.
    """
    bound: dict[int, Bound] = {}
    kinds = _kinds(asked)
    taken: list[Story] = []
    while kinds:
        stories = [best_story(without(kind[0].frames, taken)) for kind in kinds]
        clearest = max(range(len(kinds)), key=lambda at: story.worth if (story := stories[at]) is not None else -1.0)
        kind = kinds.pop(clearest)
        found = _find(kind, taken, shape, by_order=by_order)
        taken += [each.story for each in found.values()]
        bound |= found
    return bound


def _kinds(asked: Sequence[Asked]) -> list[list[Asked]]:
    """The words by what the detector can tell apart: words of one kind share a class. Each in the caption's order."""
    kinds: list[list[Asked]] = []
    for word in sorted(asked, key=lambda each: each.start):
        same = next((kind for kind in kinds if any(_share(word.classes, other.classes) for other in kind)), None)
        if same is None:
            kinds.append([word])
        else:
            same.append(word)
    return kinds


def _share(one: ObjectClasses, other: ObjectClasses) -> bool:
    """Words that a class means exactly are told from words that are merely near it: the rabbit beside a dog."""
    if one.exact or other.exact:
        return not set(one.exact).isdisjoint(other.exact)
    return not set(one.near).isdisjoint(other.near)


def _find(kind: Sequence[Asked], taken: Sequence[Story], shape: tuple[int, ...], *, by_order: bool) -> dict[int, Bound]:
    """As many things as words. Fewer are nobody's for certain, nor are more."""
    if len(kind) == 1:
        return _find_one(kind[0], taken)
    frames = kind[0].frames
    stories: list[Story] = []
    while len(stories) < len(kind):
        story = best_story(without(frames, [*taken, *stories]))
        if story is None:
            break
        stories.append(story)
    if not stories:
        return {}
    others = rivalry(stories[-1], without(frames, [*taken, *stories]))
    order = None
    if len(stories) == len(kind) and others < _RIVALS_OF_SEVERAL:
        by_place = left_to_right([_masks(story, shape) for story in stories])
        order = by_place if by_order else tell_apart([word.looks for word in kind], stories, by_place)
    return {
        word.index: Bound(stories[at], is_ambiguous=order is None)
        for word, at in zip(kind, order or range(len(stories)), strict=False)
    }


def _find_one(word: Asked, taken: Sequence[Story]) -> dict[int, Bound]:
    """The best of all, if it is clearly better; of two about as good the one in the colors that the caption names.

    Among more than two it might be one that the detector does not see, so that colors do not help there. Our choice:
    most of the frames decide. Of single frames that show a crowd more are right than wrong where the others are clear.
    """
    frames = without(word.frames, taken)
    story = best_story(frames)
    if story is None:
        return {}
    rivals = without(frames, [story])
    is_ambiguous = rivalry(story, rivals) >= _RIVALS
    if is_ambiguous and count_rivals(story, rivals, _RIVALS) <= 1:
        colored = [[in_colors(box, word.looks) for box in boxes] for boxes in frames]
        better = best_story(colored)
        if better is not None and rivalry(better, without(colored, [better])) < _RIVALS:
            return {word.index: Bound(better, is_ambiguous=False)}
    return {word.index: Bound(story, is_ambiguous=is_ambiguous)}


def _masks(story: Story, shape: tuple[int, ...]) -> list[Mask]:
    nothing = np.zeros(shape, np.bool_)
    return [nothing if box is None else box_mask(box.box, shape) for box in story.boxes]
