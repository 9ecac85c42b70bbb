"""Captions as tokens that know their place, and as folded text that can be searched and mapped back."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

# A word: letters and digits with their combining marks, joined by hyphens or apostrophes; anything else stands alone.
_LETTERS: Final = r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]+)*[\u0300-\u036f]*"
_TOKEN: Final = re.compile(rf"{_LETTERS}(?:[-\u2010-\u2012'\u2018\u2019&]{_LETTERS})*|[^\w\s]|_")
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
    folded = _fold_plain(caption) if _is_plain(caption) else None
    tokens: list[Token] = []
    for match in _TOKEN.finditer(caption):
        start, end = match.span()
        text = fold(match.group()) if folded is None else folded[start:end]
        if text.endswith("'s"):
            tokens += (Token(text[:-2], start, end - 2), Token("'s", end - 2, end))
        else:
            tokens.append(Token(text, start, end))
    return tokens


def fold(text: str) -> str:
    """The text as it is compared: NFKC, lower case, straight quotes and dashes, single spaces."""
    return _fold_plain(text) if _is_plain(text) else FoldedText(text).text


class FoldedText:
    """A text folded for comparison, with the way back to the original characters."""

    def __init__(self, original: str) -> None:
        # Per folded character the cluster that it comes from; None where each comes from the one at its own place.
        self._origins: list[Span] | None = None
        if _is_plain(original):
            self.text = _fold_plain(original)
            return
        parts: list[str] = []
        origins: list[Span] = []
        for cluster in _clusters(original):
            text = original[cluster.start : cluster.end]
            folded = " " if text.isspace() else _fold_cluster(text)
            parts.append(folded)
            origins += [cluster] * len(folded)
        self.text = "".join(parts)
        self._origins = origins

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
                spans.append(self._span(at, end))
            at = self.text.find(wanted, at + 1)
        return spans

    def _span(self, at: int, end: int) -> Span:
        return Span(at, end) if self._origins is None else Span(self._origins[at].start, self._origins[end - 1].end)

    def _is_bounded(self, at: int, end: int) -> bool:
        if self._origins is not None and (self._splits_cluster(at) or self._splits_cluster(end)):
            return False
        before, after = self.text[max(0, at - 2) : at], self.text[end : end + 2]
        return not (
            (_continues(before[::-1]) and self.text[at].isalnum())
            or (_continues(after) and self.text[end - 1].isalnum())
        )

    def _splits_cluster(self, at: int) -> bool:
        """Whether the characters at both sides come from one: "ﬁ" folds to two letters."""
        if self._origins is None or not 0 < at < len(self._origins):
            return False
        return self._origins[at] == self._origins[at - 1]


def first_token_in(tokens: Sequence[Token], span: Span) -> int:
    """Index of the first token that starts in the span or after it."""
    return bisect_left(tokens, span.start, key=attrgetter("start"))


def _is_plain(text: str) -> bool:
    """Whether every character folds to one: nearly all captions, at a fraction of the time that others take."""
    return text.isascii() and text.isprintable() and "  " not in text


def _fold_plain(text: str) -> str:
    return text.lower().replace("`", "'")


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


def _continues(beyond: str) -> bool:
    """Whether a word goes on in the two characters beyond its letter: with another, or with a hyphen and another."""
    return beyond[:1].isalnum() or (beyond.startswith("-") and beyond[1:].isalnum())
