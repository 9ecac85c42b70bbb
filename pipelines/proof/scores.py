"""What the judge says of sampled clips, and the figures that come of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from worlds.sprites import Change


class Condition(StrEnum):
    """What a clip was sampled with."""

    WITHOUT = "without references"
    WITH = "with references"
    SWAPPED = "swapped pictures"
    CONTRARY = "contrary caption"
    REAL = "real clips"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScore:
    """The judge's answers about one clip, one per subject where they are several.

    Attributes:
        clip: number of the held-out clip.
        has_one_word: all subjects have the same word, so that a picture does not say whose it is.
        retrieves: whether the texture of the subject's picture fits better than all other candidates'.
        goes_its_way: whether the subject goes where the caption says.
        follows_word: of two subjects: whether the textures fit better as their pictures were bound to the words than
            the other way round. None for one.
        is_in_place: whether the place of the caption fits better than all other places.
        copying: mean likeness to the pictures that were given minus that to other pictures of the same subject, cosine;
            None where there are no others, or none was given.
        obeys: of every change that the caption tells, whether it is shown as told.
        copies: of every change of which the caption says nothing, or the contrary of the picture, whether it is shown
            as in the picture. A model that does not look is right as often as a coin where the caption says nothing.
    """

    clip: int
    has_one_word: bool
    retrieves: tuple[bool, ...]
    goes_its_way: tuple[bool, ...]
    follows_word: bool | None
    is_in_place: bool
    copying: float | None = None
    obeys: tuple[tuple[Change, bool], ...] = ()
    copies: tuple[tuple[Change, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured share or mean, with its 95 % interval.

    Attributes:
        clips: which clips, such as "two subjects".
        condition: how they were sampled.
        count: of answers that went into it.
        goal: what it should reach, None where it only informs.
        is_limit: the goal is what it should not pass.
    """

    name: str
    clips: str
    condition: str
    value: float
    low: float
    high: float
    count: int
    goal: float | None = None
    is_limit: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached; true where there is none."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.is_limit else self.value >= self.goal


# Two standard errors to each side, as nearly as a normal distribution has 95 %.
_Z = 1.96


def share(answers: Sequence[bool]) -> tuple[float, float, float]:
    """The share of true answers and its 95 % interval (Wilson's, which stays within [0, 1])."""
    count = len(answers)
    if not count:
        return math.nan, math.nan, math.nan
    found = sum(answers) / count
    middle = (found + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * math.sqrt(found * (1 - found) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    return found, middle - half, middle + half


def mean(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean and its 95 % interval (normal)."""
    count = len(values)
    if count < 2:
        return (values[0] if values else math.nan), math.nan, math.nan
    middle = sum(values) / count
    half = _Z * math.sqrt(sum((value - middle) ** 2 for value in values) / (count - 1) / count)
    return middle, middle - half, middle + half
