"""Noun phrases that name again what the one before them names: "a dog, a corgi, runs" is about one dog.

Only among people, and among animals: the word lists do not know what a thing can be called too. The first name is kept,
but for a number of beings who are then named each: "two people, a man and a woman".
"""

from collections.abc import Sequence
from typing import Final

from curation.annotators.lexicon.noun_phrases import NounPhrase
from curation.annotators.lexicon.word_classes import VerbForm, verb_form
from curation.entity_words.number import is_plural
from curation.entity_words.phrases import introducers, noun_at
from curation.entity_words.tokens import Token
from curation.entity_words.word_lists import BEINGS, NounClass, sections

_CLOSING: Final = {"(": ")", "\u2014": "\u2014", "-": "-"}
_PERHAPS: Final = frozenset({"perhaps", "maybe", "possibly", "probably", "likely", "presumably", "apparently"})
_STOPS: Final = frozenset({"", ".", "!", "?", ";"})
_RELATIVE: Final = frozenset({"who", "that", "which", "named", "called"})
# Nouns that say nothing of who is meant, so that a list behind them can only name them.
_GENERAL: Final = frozenset(
    {"people", "persons", "individuals", "adults", "friends", "animals", "pets", "creatures", "figures", "characters"}
    | {"couple", "pair", "duo", "trio", "performers", "players", "kids", "children", "siblings", "dogs", "cats"}
)


def other_names(tokens: Sequence[Token], phrases: Sequence[NounPhrase]) -> set[int]:
    """The phrases, by their place among all, that add nobody to the picture."""
    found: set[int] = set()
    for at in range(len(phrases) - 1):
        if at in found:
            continue
        if _is_listed_next(tokens, phrases, at):
            found.add(at)
        elif _names_again(tokens, phrases[at], phrases[at + 1]):
            found.add(at + 1)
    return found


def _names_again(tokens: Sequence[Token], phrase: NounPhrase, following: NounPhrase) -> bool:
    being, sign = _being(tokens, phrase), _between(tokens, phrase, following)
    if sign == [","] and being is not None and _is_name_of_noun(tokens, phrase, following):
        return _closes_comma(tokens, phrase, following.end)
    if being is None or being != _being(tokens, following) or _is_several(tokens, following):
        return False
    if sign[-1:] in (["e.g."], ["i.e."], ["namely"]) or sign in (["/"], ["named"], ["called"]):
        return True
    sign = [word for word in sign if word not in _PERHAPS]
    is_introduced = tokens[following.opened].text in {"a", "an", "the"}
    if sign == [","]:
        return is_introduced and _closes_comma(tokens, phrase, following.end)
    opens = bool(sign) and set(sign) <= set(_CLOSING)
    return opens and is_introduced and _closes(tokens, following.end, _CLOSING[sign[0]])


def _is_listed_next(tokens: Sequence[Token], phrases: Sequence[NounPhrase], at: int) -> bool:
    """Whether "a man and a woman" behind a sign says who "two people" are."""
    phrase, following = phrases[at], phrases[at + 1]
    if tokens[phrase.end - 1].text not in _GENERAL or len(phrases) < at + 3:
        return False
    sign, being = _between(tokens, phrase, following), _being(tokens, phrase)
    if not sign or not set(sign) <= {",", ":", *_CLOSING} or being is None:
        return False
    listed = phrases[at + 1 : at + 3]
    is_same = all(_being(tokens, one) == being and not _is_several(tokens, one) for one in listed)
    return is_same and _between(tokens, *listed) in (["and"], [","])


def _is_name_of_noun(tokens: Sequence[Token], one: NounPhrase, other: NounPhrase) -> bool:
    """Whether one is a name and the other a noun, neither with an article: "his owner, Emily", "Jane Smith, baker"."""
    if other.opened < other.first or _being(tokens, other) is None:
        return False
    return _has_name(tokens, one) != _has_name(tokens, other)


def _has_name(tokens: Sequence[Token], phrase: NounPhrase) -> bool:
    return any(token.text in sections()["first_name"] for token in tokens[phrase.first : phrase.end])


def _between(tokens: Sequence[Token], phrase: NounPhrase, following: NounPhrase) -> list[str]:
    return [token.text for token in tokens[phrase.end : following.opened]]


def _being(tokens: Sequence[Token], phrase: NounPhrase) -> NounClass | None:
    """Person or animal; None for all else."""
    head = phrase.end - 1
    noun = noun_at(tokens, head, phrase.first)
    if tokens[head].text in _GENERAL and noun is None:
        return NounClass.PERSON
    return noun.noun_class if noun is not None and noun.noun_class in BEINGS else None


def _is_several(tokens: Sequence[Token], phrase: NounPhrase) -> bool:
    return is_plural(tokens[phrase.end - 1].text, introducers(tokens, phrase.first))


def _closes_comma(tokens: Sequence[Token], phrase: NounPhrase, end: int) -> bool:
    """Whether the insertion ends as one does, with a verb of one being behind its comma; a list would go on.

    It may end the sentence where the first is known already: "his dog, a corgi.", but not "a dog, a cat."
    """
    at = end
    while at < len(tokens) and tokens[at].text not in _STOPS | {","}:
        if verb_form(tokens[at].text) is VerbForm.S or tokens[at].text in sections()["conjunction"]:
            return False
        at += 1
    if at == len(tokens) or tokens[at].text != ",":
        is_known = phrase.opened == phrase.first or not _is_new(tokens, phrase)
        return at == end and is_known and (at == len(tokens) or tokens[at].text != ";")
    following = tokens[at + 1].text if at + 1 < len(tokens) else ""
    return (
        following in {"is", "was", "has"} | _RELATIVE
        or following in sections()["preposition"]
        or verb_form(following) is VerbForm.S
    )


def _is_new(tokens: Sequence[Token], phrase: NounPhrase) -> bool:
    return not sections()["indefinite"].isdisjoint([token.text for token in tokens[phrase.opened : phrase.first]])


def _closes(tokens: Sequence[Token], end: int, sign: str) -> bool:
    """Whether the closing sign follows in the sentence, or the sentence ends right here."""
    for at in range(end, len(tokens)):
        if tokens[at].text == sign:
            return True
        if tokens[at].text in _STOPS:
            return at == end
    return end == len(tokens)
