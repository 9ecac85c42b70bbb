"""Words that name what another word names already: "person" beside "woman". The paper has no rule for them."""

from collections.abc import Sequence
from typing import Final

from curation.masks import iou
from curation.records import EntityWord, LocatedEntity, Mask
from dataset_schema import EntityKind

_BEST_KIND_FIRST: Final = (EntityKind.SUBJECT, EntityKind.OBJECT, EntityKind.BACKGROUND)


def duplicate_words(
    words: Sequence[EntityWord], located: Sequence[LocatedEntity], *, above_iou: float
) -> dict[int, int]:
    """For every word that names the same thing as a better one: the index of the better one.

    Two words name one thing if the IoU of their masks is above the threshold in most of the frames in which both were
    found. Subjects are better than objects: a localiser that takes one for the other mostly returns the whole person
    for what the person wears, and without its subject the clip would be lost. Of one kind, the longer word says more;
    of one length, the first.
    """
    masks: list[dict[int, Mask]] = [{} for _ in words]
    for entity in located:
        if entity.mask.any():
            masks[entity.word_index][entity.reference_index] = entity.mask
    firsts: list[int] = []
    seconds: dict[int, int] = {}
    for index in sorted(range(len(words)), key=lambda i: (_BEST_KIND_FIRST.index(words[i].kind), -len(words[i].word))):
        same = [first for first in firsts if _coincide(masks[first], masks[index], above_iou)]
        if same:
            seconds[index] = same[0]
        else:
            firsts.append(index)
    return seconds


def _coincide(one: dict[int, Mask], other: dict[int, Mask], above_iou: float) -> bool:
    shared = one.keys() & other.keys()
    return 2 * sum(iou(one[frame], other[frame]) > above_iou for frame in shared) > len(shared)
