"""Which classes of a detector of fixed classes a word means: COCO's 80, which most free detectors know.

The lists are `words/classes.txt`; people and animals come from the lists that tell them from things. Our choice:
written by hand, with the hyponyms of WordNet 3.1 as a draft, because a dictionary knows every meaning of a word and
captions show one: a "gig" is no boat there, a "folder" no book.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from curation.entity_words.phrases import head_index
from curation.entity_words.tokens import Token, tokenize
from curation.entity_words.word_lists import (
    Noun,
    NounClass,
    find_noun,
    read_file,
    read_sections,
    sections,
    singular_candidates,
)

_FILE: Final = "classes.txt"
_LONGEST_COMPOUND: Final = 3  # words; as many as the lists have in one entry


class ObjectClasses(NamedTuple):
    """What a detector of fixed classes can be asked about a word.

    Attributes:
        exact: the classes that the word means.
        near: classes whose box is as good a guess as there is, such as any animal for a rabbit; weighted less by
            who asks.
        gives_crop: whether a cutout of it makes a reference image. Furniture and what is built in are located, to be
            cut out of others, but their outlines are poor; clothes and body parts are part of somebody.
    """

    exact: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    gives_crop: bool = True


_NONE: Final = ObjectClasses()
_PERSON: Final = ObjectClasses(exact=("person",))


@lru_cache(maxsize=65_536)
def object_classes(word: str) -> ObjectClasses:
    """The classes of an entity word, by its head noun; both empty where no class knows it."""
    tokens = tokenize(word)
    if not tokens:
        return _NONE
    head = head_index(tokens, 0, len(tokens))
    if tokens[head + 1 : head + 2] and tokens[head + 1].text == "of":
        noun = tokens[head].text
        if _is_in("portion", noun) and head + 2 < len(tokens):
            return object_classes(word[tokens[head + 2].start :])
        if _is_in("likeness", noun) or (_is_in("partitive", noun) and not _is_in("holder", noun)):
            return _NONE
    return _of_phrase([token.text for token in tokens[_start(tokens, head) : head + 1]])


def fingerprint() -> str:
    """SHA-256 of the list, to name what a detector was asked."""
    return hashlib.sha256(read_file(_FILE).encode()).hexdigest()


def _start(tokens: Sequence[Token], head: int) -> int:
    """Where the head noun's own words begin: behind the "of" of "a group of", which `head_index` stepped over."""
    return max((at + 1 for at in range(head) if tokens[at].text == "of"), default=0)


def _of_phrase(words: Sequence[str]) -> ObjectClasses:
    """The classes of the longest compound at the end, as far as the words before it leave them as they are."""
    for length in range(min(_LONGEST_COMPOUND, len(words)), 0, -1):
        found = _PERSON if length == 1 and _is_name(words) else _of_compound(" ".join(words[-length:]))
        if found is not None:
            return _as_modified(found, words[:-length])
    return _NONE


def _is_name(words: Sequence[str]) -> bool:
    """Whether a first name or a title stands before what is no being: "john zorb", "harrison ford", no "billy goat"."""
    if len(words) < 2:
        return False
    before, last = words[-2:]
    if find_noun(last) is None and (_is_in("first_name", before) or _is_in("title", before)):
        return True
    found = _of_compound(last)
    is_thing = found is not None and bool(found.exact) and not set(found.exact) & {"person", *_animal_classes()}
    return is_thing and _is_in("first_name", before)


def _of_compound(compound: str) -> ObjectClasses | None:
    """The classes of a noun; None if it is on no list."""
    for spelling in _spellings(compound):
        for singular in _singular_forms(spelling):
            if singular in _listed():
                return _listed()[singular]
        noun = find_noun(spelling)
        if noun is not None and noun.singular in singular_candidates(spelling):
            return _of_noun(noun)
    return None


def _spellings(compound: str) -> Iterator[str]:
    """With its hyphens, without them, and what stands behind the last: "sea-horse", "sea horse", "horse"."""
    yield compound
    if "-" in compound:
        yield compound.replace("-", " ")
        if " " not in compound:
            yield compound.rpartition("-")[2]


def _singular_forms(noun: str) -> tuple[str, ...]:
    """What the singular may be; "glasses" are no two of "glass"."""
    return (noun,) if _is_in("pluralia_tantum", noun.rpartition(" ")[2]) else singular_candidates(noun)


def _of_noun(noun: Noun) -> ObjectClasses:
    """The classes of a noun that is in the word lists, but not in the list of classes."""
    if noun.noun_class is NounClass.PERSON:
        return _NONE if _is_in("collective", noun.singular) else _PERSON
    if noun.noun_class is NounClass.ANIMAL:
        return ObjectClasses(near=_animal_classes())
    is_of_a_body = noun.noun_class in {NounClass.BODY, NounClass.HAIR} or _is_in("worn", noun.singular)
    return ObjectClasses(gives_crop=not is_of_a_body)


def _as_modified(found: ObjectClasses, modifiers: Sequence[str]) -> ObjectClasses:
    """A toy dog looks like a dog at best, or like a teddy bear; a roasted duck like neither."""
    meant = set(found.exact or found.near)
    is_animal = bool(meant & set(_animal_classes()))
    if is_animal and any(_is_in("prepared", word) for word in modifiers):
        return _NONE
    is_being = is_animal or "person" in meant
    if any(_is_in("imitation", word) or (is_being and _is_in("made_of", word)) for word in modifiers):
        is_plush = is_animal and any(_is_in("plush", word) for word in modifiers)
        return found._replace(exact=(), near=found.exact + found.near + (("teddy bear",) if is_plush else ()))
    return found


@lru_cache(maxsize=1)
def _listed() -> Mapping[str, ObjectClasses]:
    """The nouns of the list of classes, in the order of its sections."""
    named: dict[str, dict[str, list[str]]] = {"exact": {}, "near": {}}
    for section, nouns in _sections().items():
        how, _, name = section.partition(" ")
        for noun in nouns if how in named else ():
            named[how].setdefault(noun, []).append(name)
    listed = dict.fromkeys(_sections()["no class"], _NONE)
    for noun in named["exact"] | named["near"]:
        exact, near = tuple(named["exact"].get(noun, ())), tuple(named["near"].get(noun, ()))
        gives_crop = not set(exact + near) <= _sections()["furniture class"]
        listed[noun] = ObjectClasses(exact, near, gives_crop)
    return listed


@lru_cache(maxsize=1)
def _animal_classes() -> tuple[str, ...]:
    return tuple(sorted(_sections()["animal class"]))


def _is_in(section: str, word: str) -> bool:
    return word in _sections()[section]


@lru_cache(maxsize=1)
def _sections() -> Mapping[str, frozenset[str]]:
    return {**sections(), **read_sections(_FILE)}
