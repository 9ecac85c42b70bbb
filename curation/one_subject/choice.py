"""Which pictures of a subject are kept, and which of those tell the most: none twice, and as different as there are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.one_subject.finding import SubjectPicture
from curation.records import Image
from curation.rules import Flaw, Rule, broken

_WHITE: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The pictures of a subject over all clips.

    Attributes:
        good: the best first.
        flaws: a clip's id and the place of a picture in it -> the rules that the picture breaks.
    """

    good: tuple[SubjectPicture, ...]
    flaws: Mapping[tuple[str, int], Sequence[Flaw]]


def judge(pictures: Sequence[SubjectPicture], rules: Sequence[Rule]) -> Judged:
    """Hold pictures against the rules: each by itself, then beside the better ones that passed.

    Of two doubles the larger stays, then the sharper; the rest of the order only makes it always the same.
    """
    good: list[SubjectPicture] = []
    flaws: dict[tuple[str, int], Sequence[Flaw]] = {}
    for picture in sorted(pictures, key=lambda p: (-p.short_side, -p.sharpness, p.clip_id, p.place)):
        nearest = min((difference(picture.small, other.small) for other in good), default=None)
        found = broken(rules, {**picture.facts(), "difference": nearest})
        if found:
            flaws[picture.clip_id, picture.place] = found
        else:
            good.append(picture)
    return Judged(good=tuple(good), flaws=flaws)


def choose(good: Sequence[SubjectPicture], count: int) -> list[SubjectPicture]:
    """The pictures that show most of the subject, at most `count`; the first is the best one.

    Each next one is from the side, from the distance and in the light of which fewest are chosen; then from the clip of
    which fewest are; then the one that is most unlike all that are chosen. Our choice: counted kinds first, and the
    difference of pixels last, because that alone would take whatever is cut worst.
    """
    left, chosen = list(good), list[SubjectPicture]()
    kinds: Counter[object] = Counter()
    clips: Counter[str] = Counter()
    apart = np.full(len(left), np.inf)
    while left and len(chosen) < count:
        best = min(range(len(left)), key=lambda at: (kinds[_kind(left[at])], clips[left[at].clip_id], -apart[at]))
        picture = left.pop(best)
        chosen.append(picture)
        kinds[_kind(picture)] += 1
        clips[picture.clip_id] += 1
        apart = np.minimum(np.delete(apart, best), [difference(picture.small, other.small) for other in left])
    return chosen


def difference(one: Image, other: Image) -> float:
    """Mean absolute difference of two small pictures, in [0, 1], where either is not white."""
    shown = np.asarray(((one < _WHITE) | (other < _WHITE)).any(axis=-1))
    if not shown.any():
        return 0.0
    return float(np.abs(one[shown].astype(np.int16) - other[shown]).mean() / _WHITE)


def frame_difference(one: Image, other: Image) -> float:
    """The same of two whole frames."""
    return float(np.abs(one.astype(np.int16) - other).mean() / _WHITE)


def _kind(picture: SubjectPicture) -> object:
    return picture.view, picture.distance, picture.light
