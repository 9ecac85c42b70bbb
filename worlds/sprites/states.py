"""How a subject is shown beside what it wears: from which side, in which pose, in which light, how large.

Each of these has two sides, and captions have a word for either. Where they change, a picture shows more of its subject
than what is to be kept, and a model may copy that too (3.3).
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import Final, TypeAlias, TypeVar

import numpy as np

from worlds.affine import Affine, rotation, taking
from worlds.sprites.shapes import Shape

T = TypeVar("T")


class Change(StrEnum):
    """What may change between two pictures of a subject."""

    FACING = "facing"
    LEAN = "lean"
    LIGHT = "light"
    SIZE = "size"


SIDES: Final[Mapping[Change, tuple[str, str]]] = {
    Change.FACING: ("facing east", "facing west"),
    Change.LEAN: ("rearing", "bowing"),
    Change.LIGHT: ("sunlit", "shaded"),
    Change.SIZE: ("large", "small"),
}

State: TypeAlias = tuple[str, ...]
"""One side of every change that there is, in the caption's words; () where nothing changes."""

# Our choice: as far apart as one can tell in a sprite of 20 to 30 pixels. A large one has room to lean in its cell.
_FACINGS: Final = {"facing west": -1}
_LEANS_DEG: Final = {"rearing": -15.0, "bowing": 15.0}
_LIGHTS: Final = {"shaded": 0.5}
_SIZES: Final = {"large": 0.85, "small": 0.65}


def facing(state: State) -> int:
    """1 to the right, -1 to the left."""
    return _found(_FACINGS, state, 1)


def lean_deg(state: State) -> float:
    """How far the head is bowed, in degrees; below zero it is reared."""
    return _found(_LEANS_DEG, state, 0.0)


def light(state: State) -> float:
    """Factor of all colors."""
    return _found(_LIGHTS, state, 1.0)


def size(state: State) -> float:
    """Factor of height and width."""
    return _found(_SIZES, state, 1.0)


def leaning(shape: Shape, state: State) -> Affine:
    """The map from sprite units to sprite units that leans the shape, about its middle at rest."""
    x0, y0, x1, y1 = shape.bounds()
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    return taking(middle, middle, rotation(np.deg2rad(lean_deg(state))))


def sides(state: State) -> dict[Change, str]:
    """The side of every change that a state, or what is told of one, has."""
    changes = {word: change for change, words in SIDES.items() for word in words}
    return {changes[word]: word for word in state}


def alternatives(state: State) -> list[State]:
    """All states with the same changes; of one without changes itself alone."""
    return list(product(*(SIDES[change] for change in sides(state))))


def opposite(state: State) -> State:
    """The other side of every change."""
    others = {word: other for words in SIDES.values() for word, other in (words, words[::-1])}
    return tuple(others[word] for word in state)


def _found(known: Mapping[str, T], state: State, usual: T) -> T:
    return next((known[word] for word in state if word in known), usual)
