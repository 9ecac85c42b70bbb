"""Captions as tokens that know their place."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from dataset_schema.words import FoldedText, Span

# Of a folded caption. A word: letters and digits with their combining marks, joined by hyphens or apostrophes.
_LETTERS: Final = r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]+)*[\u0300-\u036f]*"
_ONE: Final = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_NUMBER: Final = (
    rf"(?:\d+(?:[.,]\d+)?|{_ONE}|ten|eleven|twelve|\w+teen|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
    rf"(?:[- ]{_ONE})?)"
)
_AGE: Final = (
    rf"(?<![^\W_])(?:{_NUMBER}(?:(?:[- ](?:to|or)[- ]|-){_NUMBER})?(?:[- ]and[- ]a[- ]half)?[- ]?)?"
    r"(?:year|yr|month|week|day)(?P<plural>s)?\.?[- ]old(?P<beings>s)?(?![^\W_])"
    rf"|(?<![^\W_]){_NUMBER}[- ]?(?:y/o|y\.o\.?|yo)(?![^\W_])"
)
_DECADE: Final = (
    r"(?<![^\W_])(?:mid-)?(?:\d0|\d\d\d0)'?s(?![^\W_])"
    r"|(?:(?<=in his )|(?<=in her )|(?<=in their )|(?<= early )|(?<= late ))"
    r"(?:teens|(?:twen|thir|for|fif|six|seven|eigh|nine)ties)\b"
)
_MEASURE: Final = (
    r"(?<![^\W_])\d+(?:[.,]\d+)?[- ]?(?:ft|foot|inch|cm|mm|km|kg|lbs?|mph|k|p|fps)(?:[- ]tall|[- ]long)?(?![^\W_])"
)
# The stop behind these ends no sentence.
_SHORTENED: Final = r"(?<![^\W_])(?:mr|mrs|ms|dr|st|prof|sgt|capt|lt|col|gen|rev|approx|vs)(?=\. )\."
_INITIALS: Final = r"(?<![^\W_])(?:[^\W\d_]\.){2,}"
_WORD: Final = rf"{_LETTERS}(?:(?:[-']|'-){_LETTERS})*|[^\w\s]|_"
_TOKEN: Final = re.compile(_WORD)
# Half as fast, so that only a caption with something of that kind is read with it.
_SPECIAL_TOKEN: Final = re.compile(
    rf"(?P<age>{_AGE})|(?P<decade>{_DECADE})|(?P<measure>{_MEASURE})|(?P<shortened>{_SHORTENED})|{_INITIALS}"
    rf"|[#@][^\W_][\w-]*|[^\W\d_]{{1,2}}&[^\W\d_]{{1,2}}(?![^\W_])|{_WORD}"
)
_MAY_BE_SPECIAL: Final = re.compile(r"[#@&\d]|[ -]olds?\b|\bteens\b|ties\b|\by[./]?o\b|\w\.[\w ]")


class Token(NamedTuple):
    """A word or a sign of the caption: folded for look-up, with its span in the original.

    An age ("3 year old") is one word, looked up as `year-old`, or `years-old` where it stands behind a verb. So are a
    decade, a measure ("7ft", looked up as `ft-tall`), an abbreviation with its stop ("Dr."), initials ("U.S.") and a
    name with its sign ("#cat").
    """

    text: str
    start: int
    end: int


def tokenize(caption: str) -> list[Token]:
    """The caption's words and signs; a possessive `'s` is a token of its own."""
    folded = FoldedText(caption)
    tokens: list[Token] = []
    is_plain = folded.is_aligned and "'s" not in folded.text  # nearly all captions
    is_special = _MAY_BE_SPECIAL.search(folded.text) is not None
    for match in (_SPECIAL_TOKEN if is_special else _TOKEN).finditer(folded.text):
        start, end = match.span()
        text = _word(match) if is_special else match.group()
        if is_plain:
            tokens.append(Token(text, start, end))
        elif match.lastgroup is None and text.endswith("'s") and len(text) > 2:
            tokens += (Token(text[:-2], *folded.span(start, end - 2)), Token("'s", *folded.span(end - 2, end)))
        else:
            tokens.append(Token(text, *folded.span(start, end)))
    return tokens


def _word(match: re.Match[str]) -> str:
    """How the token is looked up."""
    if match["age"]:
        return "years-old" if match["plural"] else "year-olds" if match["beings"] else "year-old"
    if match["decade"]:
        return "decade"
    if match["measure"]:
        return "ft-tall"
    return match.group().removesuffix(".") if match["shortened"] else match.group()


def first_token_in(tokens: Sequence[Token], span: Span) -> int:
    """Index of the first token that starts in the span or after it."""
    return bisect_left(tokens, span.start, key=attrgetter("start"))
