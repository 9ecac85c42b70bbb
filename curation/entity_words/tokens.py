"""Captions as tokens that know their place, and as folded text that can be searched and mapped back."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

# A word: letters and digits with their combining marks, joined by hyphens or apostrophes; anything else stands alone.
_LETTER: Final = r"[^\W_][\u0300-\u036f]*"
_TOKEN: Final = re.compile(rf"(?:{_LETTER})+(?:[-\u2010-\u2012'\u2018\u2019&](?:{_LETTER})+)*|[^\w\s]|_")
_POSSESSIVE: Final = re.compile(r"(?<=.)['\u2019]s$", re.IGNORECASE)
_STRAIGHT: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u0060\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)


class Token(NamedTuple):
    """A word or a sign of the caption: folded for look-up, with its span in the original."""

    text: str
    start: int
    end: int


class Span(NamedTuple):
    """Characters `[start, end)` of the caption."""

    start: int
    end: int


def tokenize(caption: str) -> list[Token]:
    """The caption's words and signs; a possessive `'s` is a token of its own."""
    tokens = []
    for match in _TOKEN.finditer(caption):
        start, end = match.span()
        possessive = _POSSESSIVE.search(match.group())
        split = start + possessive.start() if possessive else end
        tokens.append(Token(fold(caption[start:split]), start, split))
        if possessive:
            tokens.append(Token("'s", split, end))
    return tokens


def fold(text: str) -> str:
    """The text as it is compared: NFKC, lower case, straight quotes and dashes, single spaces."""
    return FoldedText(text).text


class FoldedText:
    """A text folded for comparison, with the way back to the original characters."""

    def __init__(self, original: str) -> None:
        parts: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in _clusters(original):
            cluster = original[start:end]
            folded = " " if cluster.isspace() else _fold_cluster(cluster)
            parts.append(folded)
            self._starts += [start] * len(folded)
            self._ends += [end] * len(folded)
        self.text = "".join(parts)

    def find_word(self, word: str) -> list[Span]:
        """Every word-bounded place of `word`, in order, as spans of the original text.

        A hyphen between letters does not end a word: "man" is found neither in "woman" nor in "man-made".
        """
        wanted = fold(word).strip()
        if not wanted:
            return []
        spans = []
        at = self.text.find(wanted)
        while at >= 0:
            end = at + len(wanted)
            if self._is_bounded(at, end):
                spans.append(Span(self._starts[at], self._ends[end - 1]))
            at = self.text.find(wanted, at + 1)
        return spans

    def _is_bounded(self, at: int, end: int) -> bool:
        # One original character may fold to several ("ﬁ"): a match must not begin or end inside it.
        if at and self._starts[at] == self._starts[at - 1]:
            return False
        if end < len(self.text) and self._ends[end] == self._ends[end - 1]:
            return False
        return not (_joins(self.text[at - 1 : at + 1]) or self._hyphen_before(at)) and not (
            _joins(self.text[end - 1 : end + 1]) or self._hyphen_after(end)
        )

    def _hyphen_before(self, at: int) -> bool:
        return at >= 2 and self.text[at - 1] == "-" and self.text[at - 2].isalnum() and self.text[at].isalnum()

    def _hyphen_after(self, end: int) -> bool:
        return (
            end + 1 < len(self.text)
            and self.text[end] == "-"
            and self.text[end + 1].isalnum()
            and self.text[end - 1].isalnum()
        )


def first_token_in(tokens: Sequence[Token], span: Span) -> int:
    """Index of the first token that starts in the span or after it."""
    return bisect_left(tokens, span.start, key=lambda token: token.start)


def _clusters(text: str) -> list[Span]:
    """Characters with their combining marks; runs of white space count as one."""
    spans: list[Span] = []
    for index, character in enumerate(text):
        extends = bool(spans) and (
            unicodedata.combining(character) != 0 or (character.isspace() and text[index - 1].isspace())
        )
        if extends:
            spans[-1] = Span(spans[-1].start, index + 1)
        else:
            spans.append(Span(index, index + 1))
    return spans


def _fold_cluster(cluster: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster.translate(_STRAIGHT)).casefold())


def _joins(pair: str) -> bool:
    return len(pair) == 2 and pair.isalnum()
