"""What stands around and inside a noun phrase: its introducers to the left, its head noun within."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from curation.entity_words.number import is_plural_form
from curation.entity_words.tokens import Token, tokenize
from curation.entity_words.word_lists import BEINGS, Noun, NounClass, find_compound, find_noun, sections

# Words that stand between a determiner and its noun are few; a longer walk would reach the previous phrase.
_MAX_STEPS = 8


class Phrase(NamedTuple):
    """Tokens `[first, end)` of a caption that name something.

    Attributes:
        head: index of the head noun.
        introducers: lower-case words before the phrase that say how many, see `introducers`.
    """

    tokens: Sequence[Token]
    first: int
    end: int
    head: int
    introducers: tuple[str, ...]

    @classmethod
    def of(cls, tokens: Sequence[Token], first: int, end: int) -> "Phrase":
        """The phrase with what its neighbours tell."""
        return cls(tokens, first, end, head_index(tokens, first, end), introducers(tokens, first))

    @property
    def word(self) -> str:
        """The head noun as it stands in the caption, in lower case."""
        return self.tokens[self.head].text

    @property
    def modifiers(self) -> set[str]:
        """The words before the head noun."""
        return {token.text for token in self.tokens[self.first : self.head]}

    @property
    def word_before(self) -> str:
        """The word before the phrase, its introducers and adjectives; "" at the start of the caption."""
        at = opening(self.tokens, self.first) - 1
        return self.tokens[at].text if at >= 0 else ""


def introducers(tokens: Sequence[Token], first: int) -> tuple[str, ...]:
    """The determiners, numbers and quantities before the phrase that starts at token `first`, in reading order.

    "a large group of" gives ("a", "group", "of"); adjectives and nouns used as adjectives are stepped over.
    """
    found: list[str] = []
    may_describe = True
    at = first - 1
    for _ in range(_MAX_STEPS):
        if at < 0:
            break
        word = tokens[at].text
        if is_determiner(word):
            found.append(word)
            may_describe = False
        elif word == "of" and at and _counts(tokens[at - 1].text):
            found += ["of", tokens[at - 1].text]
            at -= 1
            may_describe = True
        elif not (may_describe and _describes(tokens, at)):
            break
        at -= 1
    return tuple(reversed(found))


@lru_cache(maxsize=65_536)
def is_determiner(word: str) -> bool:
    """Whether a word opens a noun phrase: an article, a possessive, a quantifier or a number."""
    return word in sections()["determiner"] or word in sections()["possessive"] or word.isdigit()


def head_index(tokens: Sequence[Token], first: int, end: int) -> int:
    """Index of the head noun among tokens `[first, end)`.

    The last token before a preposition, "woman" in "woman in red"; behind the "of" of a mere quantity or portion,
    "people" in "group of people".
    """
    start = first
    for at in range(first + 1, end - 1):
        if tokens[at].text == "of" and (
            _counts(tokens[at - 1].text) or tokens[at - 1].text in sections()["neutral_quantity"]
        ):
            start = at + 1
        elif tokens[at].text in sections()["preposition"] and at > start:
            return at - 1
    return end - 1


def noun_at(tokens: Sequence[Token], head: int, first: int) -> Noun | None:
    """The noun of the lists whose last word is token `head`; two words ("teddy bear") go before one."""
    return _noun_behind(tokens[head - 1].text if head > first else "", tokens[head].text)


def names_person(word: str) -> bool:
    """Whether an entity word's noun is a person."""
    tokens = tokenize(word)
    noun = noun_at(tokens, head_index(tokens, 0, len(tokens)), 0) if tokens else None
    return noun is not None and noun.noun_class is NounClass.PERSON


def is_name(tokens: Sequence[Token], head: int, first: int) -> bool:
    """Whether token `head` ends the name of a person ("john zorb", "lady zorb"), which is never a plural."""
    return head > first and _ends_name(tokens[head - 1].text, tokens[head].text)


@lru_cache(maxsize=65_536)
def _noun_behind(before: str, word: str) -> Noun | None:
    noun = find_compound(before, word) or find_noun(word)
    return Noun(word, NounClass.PERSON) if noun is None and _ends_name(before, word) else noun


@lru_cache(maxsize=65_536)
def _ends_name(before: str, word: str) -> bool:
    opens_name = before in sections()["first_name"] or before in sections()["title"]
    return opens_name and find_noun(word) is None


def opens_sentence(tokens: Sequence[Token], first: int) -> bool:
    """Whether only determiners and adjectives stand between the phrase and the start of its sentence."""
    at = opening(tokens, first)
    return at == 0 or tokens[at - 1].text in {".", "!", "?", ";"}


def opening(tokens: Sequence[Token], first: int) -> int:
    """Where the determiners and adjectives before token `first` begin; `first` if there are none."""
    at = first
    while at > 0 and (is_determiner(tokens[at - 1].text) or _describes(tokens, at - 1)):
        at -= 1
    return at


def _counts(word: str) -> bool:
    return word in sections()["quantity"] or is_determiner(word)


def _describes(tokens: Sequence[Token], at: int) -> bool:
    """An adjective, or the "and" between two: "a black and white rabbit"."""
    if tokens[at].text == "and":
        return at > 0 and _is_adjective(tokens[at - 1].text) and _is_adjective(tokens[at + 1].text)
    return _is_modifier(tokens, at)


def _is_adjective(word: str) -> bool:
    return word in sections()["adjective"] or word in sections()["color"]


def _is_modifier(tokens: Sequence[Token], at: int) -> bool:
    """A singular noun of a thing or a participle, used as an adjective: "police officers", "two jumping dogs"."""
    word = tokens[at].text
    if _is_adjective(word):
        return True
    if word in sections()["preposition"] or word in sections()["auxiliary"]:
        return False
    before = tokens[at - 1].text if at else ""
    noun = find_noun(word)
    if noun is not None and noun.noun_class not in BEINGS:
        return not is_plural_form(word)
    opened = is_determiner(before) or before in sections()["adjective"]
    return opened and (noun is not None or word.endswith(("ing", "ed")))
