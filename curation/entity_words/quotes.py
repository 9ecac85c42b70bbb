"""What stands in quotation marks: text that is read or spoken, not what the picture shows."""

from collections.abc import Sequence
from typing import Final

from curation.entity_words.phrases import is_determiner, opening
from curation.entity_words.tokens import Token

_CLOSING: Final = {'"': '"', "'": "'", "\u00ab": "\u00bb", "\u300c": "\u300d"}
QUOTATION_MARKS: Final = frozenset({*_CLOSING})
_LONGEST_NAME: Final = 3  # words: 'a "very good" boy'


def is_quoted(tokens: Sequence[Token], at: int) -> bool:
    """Whether token `at` is part of a text that the caption quotes: 'a sign that reads "Free dogs"'.

    A caption that is quoted as a whole shows what it says, and so does 'a "burglar"', whose determiner stands before.
    """
    quotations = _quotations(tokens)
    if not any(start < at < end for start, end in quotations) or _holds_all(tokens, quotations):
        return False
    return any(start < at < end for start, end in quotations if not _belongs(tokens, start, end))


def _quotations(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Where quotation marks open and close, in pairs."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(tokens):
        end = _close(tokens, at) if _opens(tokens, at) else None
        if end is not None:
            found.append((at, end))
        at = at + 1 if end is None else end + 1
    return found


def _opens(tokens: Sequence[Token], at: int) -> bool:
    """Whether a mark stands at the start of a word, and at the end of none: no apostrophe."""
    if tokens[at].text not in _CLOSING or at + 1 == len(tokens):
        return False
    is_free = at == 0 or tokens[at - 1].end < tokens[at].start or not tokens[at - 1].text[-1].isalnum()
    return is_free and tokens[at + 1].start == tokens[at].end


def _close(tokens: Sequence[Token], start: int) -> int | None:
    """Where the text ends that opens at a mark: at the next mark behind a word and before none."""
    sign = _CLOSING[tokens[start].text]
    for at in range(start + 2, len(tokens)):
        is_behind = tokens[at - 1].end == tokens[at].start
        is_last = at + 1 == len(tokens) or tokens[at + 1].start > tokens[at].end or not tokens[at + 1].text.isalnum()
        if tokens[at].text == sign and is_behind and is_last:
            return at
    return None


def _holds_all(tokens: Sequence[Token], quotations: Sequence[tuple[int, int]]) -> bool:
    """Whether no word stands outside."""
    words = [at for at, token in enumerate(tokens) if token.text[0].isalnum()]
    return all(any(start < at < end for start, end in quotations) for at in words)


def _belongs(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Whether what is quoted is part of the sentence: all that a colon announces, or a noun that is doubted."""
    before = tokens[start - 1].text if start else ""
    if before == ":":
        return not any(token.text[0].isalnum() for token in tokens[end + 1 :])
    is_named = bool(before) and (is_determiner(before) or opening(tokens, start) < start)
    return is_named and end - start - 1 <= _LONGEST_NAME
