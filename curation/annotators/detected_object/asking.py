"""Which words are looked for, and how."""

from enum import Enum, auto
from typing import Final

from curation.entity_words.object_classes import object_classes
from curation.records import EntityWord
from dataset_schema import EntityKind


class Way(Enum):
    """How the entity of a word is looked for, or that it is not."""

    BY_CLASS = auto()
    BY_MOTION = auto()
    FURNITURE = auto()
    WITHOUT_CLASS = auto()
    BACKGROUND = auto()


_WHY_NOT: Final = {
    Way.FURNITURE: "furniture, which is outlined badly",
    Way.WITHOUT_CLASS: "no detector class",
    Way.BACKGROUND: "a background",
}


def way_of(word: EntityWord) -> Way:
    """Subjects and objects that have a class by it, subjects of none by their motion."""
    if word.kind is EntityKind.BACKGROUND:
        return Way.BACKGROUND
    classes = object_classes(word.word)
    if classes.exact or classes.near:
        return Way.BY_CLASS if classes.gives_crop else Way.FURNITURE
    return Way.BY_MOTION if word.kind is EntityKind.SUBJECT else Way.WITHOUT_CLASS


def why_not(word: EntityWord) -> str | None:
    """Why a word is not looked for; None if it is."""
    return _WHY_NOT.get(way_of(word))
