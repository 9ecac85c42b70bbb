"""Whether a noun with "the" means somebody whom the caption has called otherwise: "a golden retriever ... The dog".

Within a sentence writers say "it" or "she" instead, so that only what an earlier one has named counts.
"""

from collections.abc import Sequence

from curation.entity_words.object_classes import object_classes
from curation.entity_words.word_lists import NounClass, find_noun, sections


def names_one_of(noun: str, known: Sequence[str]) -> bool:
    """Whether a noun may mean one of those known by other nouns; all are singular, in lower case."""
    return any(_may_mean(noun, other) for other in known)


def _may_mean(noun: str, known: str) -> bool:
    found, other = find_noun(noun), find_noun(known)
    if found is None or other is None or found.noun_class is not other.noun_class:
        return False
    if found.noun_class is NounClass.ANIMAL:
        return noun in sections()["any_animal"] or _is_of_class(noun, known) or _is_of_class(known, noun)
    is_general = noun in sections()["male"] | sections()["female"] | sections()["any_person"]
    return is_general and not (_excludes("male", "female", noun, known) or _excludes("adult", "young", noun, known))


def _is_of_class(name: str, animal: str) -> bool:
    """Whether a class of animals has this name, and the animal: "dog" and "retriever"."""
    return object_classes(animal).exact == (name,)


def _excludes(first: str, second: str, noun: str, other: str) -> bool:
    """Whether the nouns are of the two lists, one of each."""
    one, two = sections()[first], sections()[second]
    return (noun in one and other in two) or (noun in two and other in one)
