"""Whether a sample shows its subject as the caption asks, or as the reference picture happens to show it (3.3).

The copy index is the share of changes shown as in the picture, of all of which the caption asks for the contrary. Each
has two sides, so a model that copies always has 1, one that does as it is told 0, and one that guesses a half.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from pipelines.proof.held_out import HeldOutSubject
from pipelines.proof.scores import ClipScore, Condition, Figure, share
from worlds.sprites import Change, State, sides

Answers: TypeAlias = tuple[tuple[Change, bool], ...]

_ALL: Final = "all changes"


def obeys(subject: HeldOutSubject, shown: State, condition: Condition) -> Answers:
    """Of every change that is told, whether a subject shows it so; of a real clip, whether it shows what is true."""
    asked = subject.state if condition is Condition.REAL else subject.told
    return _equal(asked, shown) if condition is not Condition.CONTRARY else _equal(subject.contrary, shown)


def copies(subject: HeldOutSubject, shown: State, condition: Condition) -> Answers:
    """Of every change that is not told, or contrarily, whether a subject shows it as its surest picture does."""
    if not subject.pictured or condition not in (Condition.WITH, Condition.CONTRARY):
        return ()
    told = sides(subject.told) if condition is Condition.WITH else {}
    return tuple((change, copied) for change, copied in _equal(subject.pictured[0], shown) if change not in told)


def copying_figures(condition: Condition, scores: Sequence[ClipScore], limit: float | None) -> Iterator[Figure]:
    """Obedience and copying, over all changes and each by itself; `limit` is for all, against the caption."""
    yield from _figures("as the caption tells", condition, [score.obeys for score in scores])
    for figure in _figures("as the picture shows", condition, [score.copies for score in scores]):
        is_limited = condition is Condition.CONTRARY and figure.clips == _ALL
        yield replace(figure, goal=limit, is_limit=True) if is_limited else figure


def _equal(one: State, other: State) -> Answers:
    found = sides(other)
    return tuple((change, found[change] == word) for change, word in sides(one).items())


def _figures(name: str, condition: Condition, answers: Iterable[Answers]) -> Iterator[Figure]:
    collected = [answer for each in answers for answer in each]
    for clips in (_ALL, *Change) if collected else ():
        chosen = [is_so for change, is_so in collected if clips in (_ALL, change)]
        if chosen:
            value, low, high = share(chosen)
            yield Figure(
                name=name, clips=clips, condition=condition, value=value, low=low, high=high, count=len(chosen)
            )
