"""What stands around and inside a noun phrase: its introducers to the left, its head noun within."""

from collections.abc import Sequence

from curation.entity_words.lexicon import Noun, NounClass, find_noun, sections
from curation.entity_words.number import is_plural_form
from curation.entity_words.tokens import Token

# Words that stand between a determiner and its noun are few; a longer walk would reach the previous phrase.
_MAX_STEPS = 8


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
        elif not (may_describe and _is_modifier(tokens, at)):
            break
        at -= 1
    return tuple(reversed(found))


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
    if head > first:
        pair = find_noun(f"{tokens[head - 1].text} {tokens[head].text}")
        if pair is not None:
            return pair
    return find_noun(tokens[head].text)


def opens_sentence(tokens: Sequence[Token], first: int) -> bool:
    """Whether only determiners and adjectives stand between the phrase and the start of its sentence."""
    at = first - 1
    while at >= 0 and (is_determiner(tokens[at].text) or _is_modifier(tokens, at)):
        at -= 1
    return at < 0 or tokens[at].text in {".", "!", "?", ";"}


def _counts(word: str) -> bool:
    return word in sections()["quantity"] or is_determiner(word)


def _is_modifier(tokens: Sequence[Token], at: int) -> bool:
    """A singular noun of a thing or a participle, used as an adjective: "police officers", "two jumping dogs"."""
    word = tokens[at].text
    if word in sections()["adjective"] or word in sections()["colour"]:
        return True
    if word in sections()["preposition"] or word in sections()["auxiliary"]:
        return False
    before = tokens[at - 1].text if at else ""
    noun = find_noun(word)
    if noun is not None and noun.noun_class not in {NounClass.PERSON, NounClass.ANIMAL}:
        return not is_plural_form(word)
    opened = is_determiner(before) or before in sections()["adjective"]
    return opened and (noun is not None or word.endswith(("ing", "ed")))
