"""Which word classes a word may belong to, by list and by ending, before any context."""

from enum import Enum, StrEnum
from functools import lru_cache
from typing import Final

from curation.entity_words.word_lists import counts_persons, find_noun, sections

_ADJECTIVE_ENDINGS: Final = ("ful", "ous", "ive", "less", "ish", "able", "ible", "ic", "ical", "-like", "-free")
_PERSON_ENDINGS: Final = ("man", "woman", "person", "ist")
_CLOSED_LISTS: Final = (
    "determiner",
    "possessive",
    "preposition",
    "conjunction",
    "pronoun",
    "auxiliary",
    "adverb",
    "subordinator",
)


class WordClass(StrEnum):
    """What a word may be."""

    CLOSED = "closed"  # determiners, prepositions, conjunctions, pronouns, auxiliaries, adverbs, signs
    NOUN = "noun"
    VERB = "verb"
    ADJECTIVE = "adjective"
    UNKNOWN = "unknown"


class VerbForm(Enum):
    """Which form of a verb a word may be."""

    NONE = 0
    BASE = 1
    S = 2
    ING = 3
    PAST = 4


@lru_cache(maxsize=65_536)
def word_classes(word: str) -> frozenset[WordClass]:
    """The classes of a lower-case word; none for ""."""
    if not word:
        return frozenset()
    lists = sections()
    classes = set()
    is_adjective = word in lists["adjective"] or word in lists["color"] or counts_persons(word)
    if is_adjective:
        classes.add(WordClass.ADJECTIVE)
    if find_noun(word) is not None or _is_measure(word):
        classes.add(WordClass.NOUN)
    if verb_form(word) is not VerbForm.NONE:
        classes.add(WordClass.VERB)
    is_closed = not word[0].isalnum() or word.isdigit() or any(word in lists[name] for name in _CLOSED_LISTS)
    # "a low table" beside "flies low": an adverb that is an adjective too stays open.
    if is_closed and not (is_adjective and word in lists["adverb"]):
        classes.add(WordClass.CLOSED)
    if not classes:
        classes.add(_by_ending(word))
    return frozenset(classes)


@lru_cache(maxsize=65_536)
def verb_form(word: str) -> VerbForm:
    """The form of a lower-case word as a verb; by its ending where no list has the verb."""
    if word in _bases():
        return VerbForm.BASE
    if word in sections()["past"]:
        return VerbForm.PAST
    for form, endings in _ENDINGS.items():
        if any(_base(word, ending) in _bases() for ending in endings if word.endswith(ending[0])):
            return form
    looks_like = VerbForm.ING if word.endswith("ing") else VerbForm.PAST if word.endswith("ed") else VerbForm.NONE
    if looks_like is VerbForm.NONE or _is_doubled(word):
        return looks_like
    is_listed = find_noun(word) is not None or word in sections()["adjective"] or word in sections()["color"]
    return looks_like if not is_listed and len(word) > _SHORTEST_PARTICIPLE else VerbForm.NONE


# "sing" and "bed" are none, whatever they end in.
_SHORTEST_PARTICIPLE: Final = 5


def verb_base(word: str) -> str:
    """The base form of a verb of the lists; the word itself for another."""
    if word in _bases():
        return word
    for endings in _ENDINGS.values():
        for ending in endings:
            if word.endswith(ending[0]) and _base(word, ending) in _bases():
                return _base(word, ending)
    stem = word.removesuffix("ing").removesuffix("ed")
    return stem[:-1] if stem[:-1] in _bases() else word


def looks_like_person(word: str) -> bool:
    """Whether an unknown noun looks like one for a person: "-ist", "-woman", a verb with "-er"."""
    if word.endswith(_PERSON_ENDINGS) and len(word) > 5:
        return True
    return word.endswith("er") and verb_base(word.removesuffix("er") + "ing") in sections()["animate"]


# Ending of the form, ending of the base.
_ENDINGS: Final = {
    VerbForm.S: (("ies", "y"), ("es", ""), ("s", "")),
    VerbForm.ING: (("ing", ""), ("ing", "e"), ("ying", "ie")),
    VerbForm.PAST: (("ied", "y"), ("ed", ""), ("ed", "e")),
}


def _base(word: str, ending: tuple[str, str]) -> str:
    return word.removesuffix(ending[0]) + ending[1]


def _is_doubled(word: str) -> bool:
    """Whether the last consonant of a known verb stands twice: "hugging", "patted"."""
    stem = word.removesuffix("ing").removesuffix("ed")
    return len(stem) > 3 and stem[-1] == stem[-2] and stem[:-1] in _bases()


@lru_cache(maxsize=1)
def _bases() -> frozenset[str]:
    lists = sections()
    return lists["animate"] | lists["handling"] | lists["verb"]


def _is_measure(word: str) -> bool:
    lists = sections()
    return word in lists["quantity"] or word in lists["neutral_quantity"] or word in lists["partitive"]


def _by_ending(word: str) -> WordClass:
    if word.endswith("ly") and len(word) > 4:
        return WordClass.CLOSED
    if word.endswith(_ADJECTIVE_ENDINGS) and len(word) > 5:
        return WordClass.ADJECTIVE
    return WordClass.UNKNOWN
