"""Where the words of an answer stand in the caption (A.2: every entity word is a sub-string of the caption)."""

from collections.abc import Iterable
from typing import NamedTuple

from dataset_schema.words import FoldedText, Span


class Located(NamedTuple):
    """A word of the answer and its places in the caption, in order.

    Attributes:
        occurrences: every word-bounded place; empty if the caption does not have the word.
        own: those that no longer word of the answer covers.
    """

    occurrences: list[Span]
    own: list[Span]


def locate_words(caption: str, words: Iterable[str]) -> dict[str, Located]:
    """Find each distinct word; longer words choose first, so that "hair" leaves "long brown hair" alone."""
    folded = FoldedText(caption)
    found: dict[str, Located] = {}
    taken: list[Span] = []
    for word in sorted(dict.fromkeys(words), key=len, reverse=True):
        occurrences = folded.find_word(word)
        own = [place for place in occurrences if not _overlaps(place, taken)]
        taken += occurrences
        found[word] = Located(occurrences, own)
    return found


def _overlaps(span: Span, others: list[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)
