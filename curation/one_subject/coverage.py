"""What the pictures of a subject show of it, and what none of them shows: sides, distances, light."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from curation.one_subject.finding import SubjectPicture
from curation.one_subject.views import Distance, Light, View, views_of

_MISSING: Final[Mapping[str, str]] = {
    View.SIDE: "no view from the side",
    View.END: "no view from the front or back",
    View.SLANTED: "no view between side and front",
    View.FACE: "no view of the face",
    View.NO_FACE: "no view without the face, such as from behind",
    Distance.CLOSE: "nothing from close by",
    Distance.MIDDLE: "nothing at middle distance",
    Distance.FAR: "nothing from afar",
    Light.DARK: "nothing in the dark, such as at night",
    Light.DIM: "nothing in dim light, such as indoors",
    Light.BRIGHT: "nothing in bright light, such as outdoors by day",
}
_DISTANCES: Final = (Distance.CLOSE, Distance.MIDDLE, Distance.FAR)
_LIGHTS: Final = (Light.DARK, Light.DIM, Light.BRIGHT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many clips show the subject how.

    Attributes:
        clips: of every side, distance and light that can be told: in how many clips it is.
        missing: what is in none, as sentences; `seldom` what is in a single one of several.
        untold: what the pictures do not tell of this subject.
    """

    clips: Mapping[str, Mapping[str, int]]
    missing: tuple[str, ...]
    seldom: tuple[str, ...]
    untold: tuple[str, ...]


def coverage_of(pictures: Sequence[SubjectPicture], word: str) -> Coverage:
    """Count over the good pictures of all clips; `word` is what the subject is mostly called."""
    axes: dict[str, tuple[Sequence[str], Counter[str]]] = {
        "view": (views_of(word), _clips([(p.clip_id, p.view) for p in pictures])),
        "distance": (_DISTANCES, _clips([(p.clip_id, p.distance) for p in pictures])),
        "light": (_LIGHTS, _clips([(p.clip_id, p.light) for p in pictures])),
    }
    told = {name: (kinds, found) for name, (kinds, found) in axes.items() if any(found[kind] for kind in kinds)}
    several = len({picture.clip_id for picture in pictures}) > 1
    return Coverage(
        clips={name: {str(kind): found[kind] for kind in kinds} for name, (kinds, found) in told.items()},
        missing=tuple(_MISSING[kind] for kinds, found in told.values() for kind in kinds if not found[kind]),
        seldom=tuple(
            f"{kind} in one clip alone"
            for kinds, found in told.values()
            for kind in kinds
            if several and found[kind] == 1
        ),
        untold=tuple(name for name in axes if name not in told),
    )


def _clips(shown: Sequence[tuple[str, str]]) -> Counter[str]:
    """In how many clips each is."""
    return Counter(kind for _, kind in set(shown))
