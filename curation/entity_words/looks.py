"""What a caption says of how an entity looks and where it is: colors of it or of what it wears, left or right.

Only what stands beside the word is read: "a brown and white dog", "a man in a purple T-shirt and jeans", "a black
jacket worn by a man", "the woman on the left".
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from curation.entity_words.phrases import is_determiner, opening
from curation.entity_words.tokens import Token, tokenize
from curation.entity_words.word_lists import NounClass, find_noun, sections
from curation.records import EntityWord

_WEARING: Final = frozenset({"in", "wearing", "with"})
_SIDES: Final = frozenset({"left", "right"})


class Looks(NamedTuple):
    """What is said; empty where nothing is."""

    colors: frozenset[str] = frozenset()
    side: Literal["left", "right", ""] = ""


def looks_in_caption(caption: str, word: EntityWord) -> Looks:
    """What the caption says beside the word."""
    tokens = tokenize(caption)
    inside = [index for index, token in enumerate(tokens) if word.start <= token.start < word.end]
    if not inside:
        return Looks()
    first, behind = opening(tokens, inside[0]), inside[-1] + 1
    own = {token.text for token in tokens[first:behind]}
    colors = (own & sections()["color"]) | _worn_colors(tokens, behind) | _colors_worn_by(tokens, first)
    return Looks(frozenset(colors), _side(tokens, behind, own))


def _worn_colors(tokens: Sequence[Token], at: int) -> set[str]:
    """Of clothes and hair in "in a red shirt and blue jeans", or "in red", as far as the list goes."""
    found: set[str] = set()
    if at >= len(tokens) or tokens[at].text not in _WEARING:
        return found
    pending: set[str] = set()
    for token in tokens[at + 1 :]:
        if token.text in sections()["color"]:
            pending.add(token.text)
        elif _is_worn(token.text):
            found |= pending
            pending = set()
        elif not (is_determiner(token.text) or token.text in {"and", ","} or token.text in sections()["adjective"]):
            noun = find_noun(token.text)
            return found | pending if noun is None or noun.noun_class is NounClass.ABSTRACT else found
    return found | pending


def _colors_worn_by(tokens: Sequence[Token], first: int) -> set[str]:
    """Of the jacket in "a black jacket worn by a man"."""
    before = [token.text for token in tokens[:first]]
    if before[-2:] != ["worn", "by"] or len(before) < 3 or not _is_worn(before[-3]):
        return set()
    thing = len(before) - 3
    return {token.text for token in tokens[opening(tokens, thing) : thing]} & sections()["color"]


def _side(tokens: Sequence[Token], at: int, own: set[str]) -> Literal["left", "right", ""]:
    """In "on the left" behind the word, or "the left man"."""
    behind = [token.text for token in tokens[at : at + 3]]
    said = own & _SIDES
    if behind[:2] == ["on", "the"]:
        said |= _SIDES & set(behind[2:])
    if said == {"left"}:
        return "left"
    return "right" if said == {"right"} else ""


def _is_worn(noun: str) -> bool:
    found = find_noun(noun)
    if found is None:
        return False
    return found.noun_class is NounClass.HAIR or found.singular in sections()["worn"]
