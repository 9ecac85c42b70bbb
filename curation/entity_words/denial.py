"""Whether a caption says that something is not there: "not a dog", "instead of riding a horse", "no hats or coats".

Of "either a fox or a dog" one is not there, and nobody can tell which.
"""

from collections.abc import Sequence
from functools import lru_cache

from curation.entity_words.phrases import is_determiner, opening
from curation.entity_words.tokens import Token
from curation.entity_words.word_lists import find_noun, sections

_DEFINITE = frozenset({"the", "this", "that", "these", "those"})
_SENTENCE_ENDS = frozenset({".", "!", "?", ";"})
_ALTERNATIVES = frozenset({"or", "nor"})
_LONGEST_NEGATOR = 3  # words
_LONGEST_LIST = 12  # words between a denied noun and the "or" of its list


def is_denied(tokens: Sequence[Token], first: int, end: int) -> bool:
    """Whether the noun phrase of tokens `[first, end)` is denied, or only named for contrast.

    What stands before it decides, as far as the phrase that the denial opens: in "a cat, not a dog, on a sofa" the sofa
    is there. A denied act leaves what "the" points to in the picture: "does not chase the cat".
    """
    opened = _first_determiner(tokens, first)
    determiners = {token.text for token in tokens[opened:first]}
    if "no" in determiners or _is_said_to_be_absent(tokens, end):
        return True
    if "either" in determiners:
        return _list_ends_in_or(tokens, end - 1)
    is_definite = not determiners.isdisjoint(_DEFINITE | sections()["possessive"])
    before = opened - 1
    if "neither" in determiners or (before >= 0 and tokens[before].text == "nor"):
        return not is_definite
    if before < 0:
        return False
    if tokens[before].text in _ALTERNATIVES | {","}:
        return _continues_denied_list(tokens, before, is_bare=not determiners)
    if _is_negator(tokens, before):
        return True
    return not is_definite and _is_act(tokens, before) and _is_negator(tokens, before - 1)


@lru_cache(maxsize=1)
def denying_words() -> frozenset[str]:
    """The words without one of which nothing is denied."""
    return frozenset(
        {"no", "nor", "neither", "either", "nowhere", "absent", "missing", *sections()["contracted_not"]}
        | {max(words.split(), key=len) for words in sections()["negator"]}
    )


def _first_determiner(tokens: Sequence[Token], first: int) -> int:
    """Where the determiners of a phrase begin; its adjectives, if it has none."""
    lowest, at = opening(tokens, first), first
    while at > lowest and not is_determiner(tokens[at - 1].text):
        at -= 1
    while at > lowest and is_determiner(tokens[at - 1].text):
        at -= 1
    return at


def _is_negator(tokens: Sequence[Token], at: int) -> bool:
    """Whether a denial ends with token `at`: "not", "isn't", "instead of"."""
    if at < 0:
        return False
    while at and tokens[at].text in {"even", "really", "actually", "currently", "quite"}:
        at -= 1
    if tokens[at].text in sections()["contracted_not"]:
        return True
    for count in range(1, min(_LONGEST_NEGATOR, at + 1) + 1):
        words = " ".join(token.text for token in tokens[at - count + 1 : at + 1])
        if words in sections()["negator"]:
            return not (words == "other than" and _is_exception(tokens, at))
    return False


def _is_exception(tokens: Sequence[Token], at: int) -> bool:
    """Whether all but the phrase is denied: "nothing other than a dog"."""
    for token in reversed(tokens[: at - 1]):
        if token.text in _SENTENCE_ENDS:
            return False
        if token.text in sections()["exception"] or token.text in sections()["contracted_not"]:
            return True
    return False


def _is_act(tokens: Sequence[Token], at: int) -> bool:
    """Whether a denied act ends with a token: "not wearing a hat", "not to a man", but not "only a man" or "far"."""
    lists = sections()
    word = tokens[at].text
    if word.endswith("ing") or (word in lists["preposition"] and tokens[at - 1].text == "not"):
        return True
    is_open = word.isalpha() and not word.endswith("ly") and not is_determiner(word) and word not in lists["adjective"]
    is_verb_place = (
        tokens[at - 1].text in {"not", "never", "cannot"} or tokens[at - 1].text in sections()["contracted_not"]
    )
    closed = lists["preposition"] | lists["conjunction"] | lists["adverb"] | lists["pronoun"] | lists["subordinator"]
    return at > 0 and is_open and is_verb_place and word not in closed


def _continues_denied_list(tokens: Sequence[Token], joint: int, *, is_bare: bool) -> bool:
    """Whether the phrase behind an "or" or a comma goes on with what is denied: "no hats, coats, or bags"."""
    last = joint - 1 if tokens[joint].text == "," or tokens[joint - 1].text != "," else joint - 2
    if last < 0 or not _is_noun(tokens, last):
        return False
    if tokens[joint].text == "," and not (is_bare and _list_ends_in_or(tokens, joint)):
        return False
    return is_denied(tokens, last, last + 1)


def _list_ends_in_or(tokens: Sequence[Token], joint: int) -> bool:
    for token in tokens[joint + 1 : joint + _LONGEST_LIST]:
        if token.text in _ALTERNATIVES:
            return True
        if token.text in _SENTENCE_ENDS or is_determiner(token.text) or token.text in sections()["auxiliary"]:
            return False
    return False


def _is_noun(tokens: Sequence[Token], at: int) -> bool:
    return tokens[at].text.isalpha() and (
        find_noun(tokens[at].text) is not None or tokens[at].text not in sections()["preposition"]
    )


def _is_said_to_be_absent(tokens: Sequence[Token], end: int) -> bool:
    """Whether "is not visible", "isn't there", "is missing" or ": no" follows."""
    words = [token.text for token in tokens[end : end + 3]]
    if words[:2] == [":", "no"] and (len(words) == 2 or not words[2][0].isalnum()):
        return True
    if len(words) > 1 and words[0] in sections()["copula"] and words[1] in {"absent", "missing", "nowhere"}:
        return True
    if words and words[0] in sections()["contracted_not"]:
        return len(words) > 1 and words[1] in sections()["seen"]
    is_negated = len(words) > 2 and words[0] in sections()["copula"] and words[1] in {"not", "never"}
    return is_negated and words[2] in sections()["seen"]
