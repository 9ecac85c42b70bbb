"""What a caption says of how an entity looks and where it is: colors of it or of what it wears, left or right.

Colors: "a brown and white dog", "a man in a purple T-shirt and jeans", "a black jacket worn by a man"; clothes belong
to whoever was named last before them, "a girl who sits on a chair, wearing a blue coat", or is meant by "she wears".
Sides: "the woman on the left", "on the left, a woman".
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from curation.entity_words.number import is_plural_form
from curation.entity_words.phrases import is_determiner, names_person, opening
from curation.entity_words.tokens import Token, tokenize
from curation.entity_words.word_lists import BEINGS, NounClass, find_noun, sections
from curation.records import EntityWord

_WEARING: Final = frozenset({"in", "wearing", "with"})
_PARTICIPLES: Final = frozenset({"wearing", "sporting"})
_DRESSED: Final = frozenset({"dressed", "clad", "attired", "clothed"})
_PRONOUNS: Final = {"he": "female", "she": "male"}  # with the list of those who are not meant
_SHADES: Final = frozenset({"light", "dark", "bright", "pale"})
_COATS: Final = frozenset({"fur", "feather", "plumage"})
_SENTENCE_ENDS: Final = frozenset({".", "!", "?", ";"})
_SIDES: Final = frozenset({"left", "right"})


class Looks(NamedTuple):
    """What is said; empty where nothing is."""

    colors: frozenset[str] = frozenset()
    side: Literal["left", "right", ""] = ""


def looks_in_caption(caption: str, word: EntityWord) -> Looks:
    """What the caption says of the word's entity."""
    tokens = tokenize(caption)
    inside = [index for index, token in enumerate(tokens) if word.start <= token.start < word.end]
    if not inside:
        return Looks()
    first, behind = opening(tokens, inside[0]), inside[-1] + 1
    own = tokens[first:behind]
    colors = (_colors_on(own) if names_person(word.word) else _colors(own)) | _colors_worn_by(tokens, first)
    for at in range(behind, len(tokens)):
        if _wears(tokens, at, behind - 1):
            colors |= _worn_colors(tokens, at + 1, says_worn=tokens[at].text not in {"in", "with", "'s"})
    return Looks(frozenset(colors), _side(tokens, first, behind))


def on_other_sides(caption: str, one: EntityWord, other: EntityWord) -> bool:
    """Whether the caption has one on the left and the other on the right."""
    return {looks_in_caption(caption, word).side for word in (one, other)} == {"left", "right"}


def _wears(tokens: Sequence[Token], at: int, head: int) -> bool:
    """Whether token `at` opens what the entity of token `head` wears."""
    word, before = tokens[at].text, tokens[at - 1].text
    if _is_beside(tokens, at, head):
        return word in _WEARING or word in {"'s", "wears"}
    is_worn = word in _PARTICIPLES or (word == "in" and (before in _DRESSED or is_garment(tokens, at + 1)))
    if is_worn and _last_being(tokens, at, head) == head:
        return True
    return word in {"wears", "wearing", "in"} and _means(tokens, at, head)


def _is_beside(tokens: Sequence[Token], at: int, head: int) -> bool:
    """Whether nothing but a sign or "who is" stands between: "a gymnast (in blue)", "a man, who wears"."""
    between = [token.text for token in tokens[head + 1 : at]]
    if between[:1] in ([","], ["("]):
        del between[0]
    if between[:1] in (["who"], ["that"]):
        del between[0]
    return between in ([], ["is"], ["was"])


def _last_being(tokens: Sequence[Token], at: int, head: int) -> int | None:
    """Who was named last before a token of the same sentence, going back to token `head` at most."""
    for place in range(at - 1, head, -1):
        word = tokens[place].text
        is_unknown = is_determiner(tokens[place - 1].text) and find_noun(word) is None and word not in _DRESSED
        if word in _SENTENCE_ENDS or _is_being(tokens, place) or (is_unknown and place == at - 1):
            return None
    return head


def _means(tokens: Sequence[Token], at: int, head: int) -> bool:
    """Whether "she wears", "she is wearing" or "she is dressed in" stands here, and can mean nobody but the entity."""
    start = at
    while start > head and tokens[start - 1].text in {"is", "was"} | _DRESSED:
        start -= 1
    other_sex = _PRONOUNS.get(tokens[start - 1].text)
    if other_sex is None:
        return False
    places = {place for place in range(start) if _is_being(tokens, place)} | {head}
    meant = {tokens[place].text for place in places if tokens[place].text not in sections()[other_sex]}
    return meant == {tokens[head].text}


def _is_being(tokens: Sequence[Token], at: int) -> bool:
    noun = find_noun(tokens[at].text)
    return noun is not None and noun.noun_class in BEINGS


def is_garment(tokens: Sequence[Token], at: int) -> bool:
    """Whether something that is worn comes next: "a red coat", but not "a red coat rack"."""
    while at < len(tokens) and (is_determiner(tokens[at].text) or _is_description(tokens[at].text)):
        at += 1
    worn = find_noun(tokens[at].text) if at < len(tokens) else None
    if worn is None or worn.noun_class is NounClass.HAIR or not _is_worn(tokens[at].text):
        return False
    following = tokens[at + 1].text if at + 1 < len(tokens) else ""
    noun = find_noun(following)
    return noun is None or noun.noun_class is NounClass.ABSTRACT or is_plural_form(following)


def _worn_colors(tokens: Sequence[Token], at: int, *, says_worn: bool) -> set[str]:
    """Of clothes and hair in "a red shirt and blue jeans", or "red", as far as the list goes.

    Where the caption says that it is worn, any thing is.
    """
    found: set[str] = set()
    start = at
    for place in range(at, len(tokens)):
        word = tokens[place].text
        noun = find_noun(word)
        is_thing = noun is not None and noun.noun_class is NounClass.THING and not _colors_of(word)
        if _is_worn(word) or (says_worn and is_thing):
            found |= _colors(tokens[start:place])
            start = place + 1
        elif not (is_determiner(word) or word in {"and", ","} or _is_description(word)):
            is_end = noun is None or noun.noun_class is NounClass.ABSTRACT or tokens[place - 1].text == ","
            return found | _colors(tokens[start:place]) if is_end else found
    return found | _colors(tokens[start:])


def _is_description(word: str) -> bool:
    return word in sections()["adjective"] or bool(_colors_of(word))


def _colors(tokens: Sequence[Token]) -> set[str]:
    """The colors that some words name, without the shade of another: "dark blue" is blue."""
    found: set[str] = set()
    for place, token in enumerate(tokens):
        following = tokens[place + 1].text if place + 1 < len(tokens) else ""
        if not (token.text in _SHADES and _colors_of(following)):
            found |= _colors_of(token.text)
    return found


def _colors_of(word: str) -> set[str]:
    """The colors in a word: "blue", "dark-blue", "red-haired", but not "blue-eyed"."""
    parts = word.split("-")
    named = {part for part in parts if part in sections()["color"]}
    if len(parts) > 1:
        named -= _SHADES
    return set() if parts[-1] == "eyed" else named


def _colors_on(tokens: Sequence[Token]) -> set[str]:
    """Colors of clothes and hair before a person: "a blue shirt woman", "a red-haired girl", not "a white woman"."""
    on_them = [place for place, token in enumerate(tokens) if _is_worn(token.text) or token.text == "haired"]
    clothes = max(on_them, default=0)
    return _colors(tokens[:clothes]) | _colors([token for token in tokens if "-" in token.text])


def _colors_worn_by(tokens: Sequence[Token], first: int) -> set[str]:
    """Of the jacket in "a black jacket worn by a man"."""
    before = [token.text for token in tokens[:first]]
    if before[-2:] != ["worn", "by"] or len(before) < 3 or not _is_worn(before[-3]):
        return set()
    thing = len(before) - 3
    return _colors(tokens[opening(tokens, thing) : thing])


def _side(tokens: Sequence[Token], first: int, behind: int) -> Literal["left", "right", ""]:
    """In "on the left" behind the word or what it does there, or before it at the start, or "the left man"."""
    words = [token.text for token in tokens]
    at = behind + 1 if behind < len(words) and words[behind].endswith("ing") else behind
    said = {word.removesuffix("most").removesuffix("-hand") for word in words[first:behind]} & _SIDES
    if words[behind : behind + 1] == ["("] and words[behind + 2 : behind + 3] == [")"]:
        said |= _SIDES & {words[behind + 1]}
    if words[at : at + 2] in (["on", "the"], ["to", "the"], ["at", "the"]):
        said |= _SIDES & set(words[at + 2 : at + 3])
    if (
        words[max(0, first - 4) : first - 1] in (["on", "the", "left"], ["on", "the", "right"])
        and words[first - 1] == ","
    ):
        said |= _SIDES & {words[first - 2]}
    if said == {"left"}:
        return "left"
    return "right" if said == {"right"} else ""


def _is_worn(noun: str) -> bool:
    found = find_noun(noun)
    if found is None:
        return False
    return found.noun_class is NounClass.HAIR or found.singular in sections()["worn"] | _COATS
