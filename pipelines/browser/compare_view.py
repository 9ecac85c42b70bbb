"""What the pages about two datasets say: how clips ended in both, other limits, and a clip as either dataset has it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from curation.rules import Policy, Rule
from dataset_schema import EntityKind, Outcome
from dataset_schema.rows import Row
from pipelines.browser.clip_query import WORD_COLUMNS
from pipelines.browser.opened import Opened
from pipelines.housekeeping.comparing import ChangedClip, Difference

_KINDS_OF_COLUMNS: Final[Mapping[str, EntityKind]] = {column: kind for kind, column in WORD_COLUMNS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two datasets.

    Attributes:
        base: what the addresses of its pages begin with.
    """

    name: str
    base: str
    opened: Opened


class Crossing(NamedTuple):
    """Clips that ended so in the first dataset and so in the second; of them, `moved` have other reasons at least."""

    clips: int
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLimit:
    """A rule that asks for something else; None where a dataset has no such rule."""

    stage: str
    first: Rule | None
    second: Rule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenClip:
    """A clip as one of the datasets has it.

    Attributes:
        value: of the score or the fact that is asked for; empty where none is.
    """

    side: Side
    place: int
    row: Row
    value: str


Ends = tuple[Outcome | None, Outcome | None]


def crossings(found: Difference, counts: tuple[Mapping[Outcome, int], Mapping[Outcome, int]]) -> dict[Ends, Crossing]:
    """How many clips ended how in both; None is not to be there."""
    moved: Counter[Ends] = Counter()
    for each in found.moved:
        moved[_outcome(each.first), _outcome(each.second)] += each.clips
    clips = Counter(moved)
    for outcome in Outcome:
        gone = sum(count for (was, _), count in moved.items() if was is outcome)
        clips[outcome, outcome] += counts[0][outcome] - gone
    return {ends: Crossing(count, moved[ends]) for ends, count in clips.items()}


def changed_limits(first: Policy, second: Policy) -> Iterator[ChangedLimit]:
    """The rules with another limit, stage by stage."""
    was, now = _rules(first), _rules(second)
    for key in dict.fromkeys((*was, *now)):
        before, after = was.get(key), now.get(key)
        if before is None or after is None or before.demand != after.demand:
            yield ChangedLimit(stage=key[0], first=before, second=after)


def seen_clips(changed: Sequence[ChangedClip], sides: tuple[Side, Side], what: str) -> list[list[SeenClip | None]]:
    """Clips as the first and as the second dataset has them; None where it does not.

    Args:
        changed: the clips.
        sides: the datasets.
        what: the score or the fact that differs; empty where they ended otherwise.
    """
    ids = [each.clip_id for each in changed]
    found = [_of_side(ids, side, what) for side in sides]
    return [
        [
            _with_score(clips.get(each.clip_id), score)
            for clips, score in zip(found, each.scores or ("", ""), strict=True)
        ]
        for each in changed
    ]


def _outcome(end: str | None) -> Outcome | None:
    return None if end is None else Outcome(end.partition(":")[0])


_RuleKey = tuple[str, str, str, str, int]


def _rules(policy: Policy) -> dict[_RuleKey, Rule]:
    """By stage, what a rule is about, its code, what it reads, and its number among those that have this in common."""
    found: dict[_RuleKey, Rule] = {}
    numbers: Counter[tuple[str, str, str, str]] = Counter()
    for stage, rules in policy.items():
        for rule in rules:
            alike = stage, rule.about, rule.code, rule.reads
            found[*alike, numbers[alike]] = rule
            numbers[alike] += 1
    return found


def _of_side(ids: Sequence[str], side: Side, what: str) -> dict[str, SeenClip]:
    places = side.opened.clips.places_of(ids)
    rows = side.opened.clips.rows(list(places.values()))
    return {
        clip_id: SeenClip(side=side, place=place, row=row, value=_value(row, what))
        for (clip_id, place), row in zip(places.items(), rows, strict=True)
    }


def _with_score(clip: SeenClip | None, score: float | str | None) -> SeenClip | None:
    if clip is None or score == "":
        return clip
    return replace(clip, value="not measured" if score is None else f"{score:.4g}")


def _value(row: Row, what: str) -> str:
    """A fact in words."""
    if what in _KINDS_OF_COLUMNS or what == "entities":
        kind = _KINDS_OF_COLUMNS.get(what)
        words = [each["word"] for each in row["entities"] or () if kind in (None, each["kind"])]
        return ", ".join(words) or "none"
    value: Any = row.get(what, "")
    if isinstance(value, list):
        return f"{len(value)} payloads of {sum(each or 0 for each in value):,} bytes"
    return "none" if value is None else str(value)
