"""What an entity is called in a sentence: its word with the words before it that describe it, "tall man" for "man"."""

import re
from typing import Final

# What a phrase cannot begin before: what stands in front of it belongs to another phrase.
_STARTS: Final = frozenset(
    (
        *("a", "an", "the", "his", "her", "its", "their", "my", "our", "your", "this", "that", "these", "those"),
        *("another", "other", "some", "one", "two", "three", "each", "every", "no", "and", "or", "but", "while", "as"),
        *("with", "without", "in", "on", "at", "of", "to", "from", "by", "for", "near", "behind", "beside", "under"),
        *("over", "into", "onto", "through", "between", "who", "which", "is", "are", "was", "were", "has", "have"),
        *("holds", "holding", "wears", "wearing"),
    )
)
# Our choice: adjectives come in ones and twos; more words are a clause.
_MOST_WORDS: Final = 3
_WORD: Final = re.compile(r"[\w'-]+$")


def described(caption: str, start: int, end: int) -> str:
    """The phrase that ends with the word at `[start, end)`: at most three words before it, back to an article or so.

    Our choice: words that follow without a comma or an article count as describing. It is read off the caption, so that
    it says nothing that the caption does not.
    """
    begin, at = start, start
    for _ in range(_MOST_WORDS + 1):
        before = caption[:at].rstrip(" ")
        found = _WORD.search(before)
        if found is None or len(before) == at:
            return caption[begin:end]  # the caption begins here, or a sign stands between
        if found[0].lower() in _STARTS:
            return caption[begin:end]
        begin = at = found.start()
    return caption[start:end]  # no article so near: it is a clause
