"""Whether a caption brings in somebody new under a name that it has used: "a man and another man", "and another"."""

from collections.abc import Sequence

from curation.entity_words.number import is_plural_form, singular_of
from curation.entity_words.phrases import Phrase, introducers, noun_at, opening
from curation.entity_words.tokens import Token
from curation.entity_words.word_lists import BEINGS, NounClass, find_compound, find_noun, sections


def introduces(tokens: Sequence[Token], at: int) -> bool:
    """Whether the noun brings somebody new: "another man", "a man"."""
    is_introduced = not sections()["indefinite"].isdisjoint(introducers(tokens, at))
    return is_introduced and _is_being(tokens, at) and not _describes_next(tokens, at)


def _is_being(tokens: Sequence[Token], at: int) -> bool:
    """Whether the noun is meant itself: not in "a teddy bear", "a toy dog", "a statue of a man"."""
    noun = noun_at(tokens, at, 0)
    if noun is not None and noun.noun_class not in BEINGS:
        return False
    first = opening(tokens, at)
    if first >= 2 and tokens[first - 1].text == "of" and singular_of(tokens[first - 2].text) in sections()["likeness"]:
        return False
    own_words = noun.singular.count(" ") if noun is not None else 0
    return sections()["made_of"].isdisjoint([token.text for token in tokens[first : max(first, at - own_words)]])


def unnamed_other(tokens: Sequence[Token], head: int) -> str | None:
    """Another being like that of token `head` which has no noun of its own: "another", "the other", "a red one".

    "Another" needs the noun as the last thing named ("a boy kicks a ball and catches another" is about a ball), "the
    other" needs "one" before the noun.
    """
    if not any(token.text in {"another", "other", "one"} for token in tokens):  # nearly all captions
        return None
    is_one = "one" in introducers(tokens, head)
    for at in range(head + 1, len(tokens)):
        word, before = tokens[at].text, tokens[at - 1].text
        if word == "one" and before in sections()["color"] and "a" in introducers(tokens, at):
            return f"a {before} one"
        if word in {".", "!", "?", ";", "one", "from"} or _is_thing(word):
            return None
        if word == "another" and _stands_alone(tokens, at):
            return word
        if word == "other" and before == "the" and is_one and _stands_alone(tokens, at):
            return "the other"
    return None


def _is_thing(word: str) -> bool:
    noun = find_noun(word)
    return noun is not None and noun.noun_class not in BEINGS | {NounClass.ABSTRACT}


def _stands_alone(tokens: Sequence[Token], at: int) -> bool:
    """Whether a verb, a small word, a sign or nothing follows, and no noun."""
    word = tokens[at + 1].text if at + 1 < len(tokens) else "."
    closed = any(word in sections()[name] for name in ("preposition", "conjunction", "auxiliary", "subordinator"))
    noun = find_noun(word)
    is_verb = word.endswith("s") and (noun is None or noun.noun_class is NounClass.ABSTRACT)
    return closed or is_verb or not word[0].isalnum()


def _describes_next(tokens: Sequence[Token], at: int) -> bool:
    """Whether the noun only describes the one behind it ("dog food"), which is no verb then."""
    following = at + 1
    if following == len(tokens) or tokens[following].start != tokens[at].end + 1:
        return False
    word = tokens[following].text
    noun = find_compound(tokens[at].text, word) or find_noun(word)
    if noun is None or word in sections()["preposition"] or not word.isalpha():
        return False
    # No plural follows "a", so that "a cat moves" has a verb; nor is an action what "a cat and a cat run" is about.
    is_joined = Phrase.of(tokens, at, following).word_before == "and"
    return not (is_plural_form(word) or (is_joined and noun.noun_class is NounClass.ABSTRACT))
