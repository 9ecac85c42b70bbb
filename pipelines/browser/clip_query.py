"""What a page asks of the index: filters and an order, read strictly from its address and written back into it.

Columns and signs are those below and no others; whatever a person types becomes a bound value, never SQL.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from curation.annotators.protocols import CONTENT_CLASSES
from dataset_schema import EntityKind, Outcome
from dataset_schema.index.columns import SCORE_NAMES

# What clips can be sorted by, and bounded: every score, and the numbers that are no scores.
NUMBERS: Final = (*SCORE_NAMES, "duration_s", "num_references", "num_faces")
WORD_COLUMNS: Final[Mapping[EntityKind, str]] = {
    EntityKind.SUBJECT: "subjects",
    EntityKind.OBJECT: "objects",
    EntityKind.BACKGROUND: "backgrounds",
}
# Our choice: more is no search for a word any more, and an address of a page has its limits.
_MOST_LETTERS: Final = 200

_TEXTS: Final = ("q", "word", "stage", "reason", "bucket")
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": tuple(EntityKind),
    "outcome": tuple(Outcome),
    "class": CONTENT_CLASSES,
    "sort": NUMBERS,
    "order": ("asc", "desc"),
}
_BOUNDS: Final = tuple(f"{side}_{name}" for name in NUMBERS for side in ("min", "max"))
_NAMES: Final = (*_TEXTS, *_CHOICES, "subjects", *_BOUNDS)


class Condition(NamedTuple):
    """A part of a WHERE clause, and the values for its question marks."""

    sql: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipQuery:
    """Filters and an order.

    Attributes:
        texts: name of a text or of a choice -> what was typed or chosen.
        subjects: how many subject words a clip has; None for any number.
        bounds: `min_desirable` and the like -> the limit.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    subjects: int | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Iterable[tuple[str, str]]) -> "ClipQuery":
        """The query of an address; empty values, as forms send them, ask for nothing.

        Raises:
            ValueError: a name or a value is not one of those that there are.
        """
        texts: dict[str, str] = {}
        bounds: dict[str, float] = {}
        subjects: int | None = None
        for name, value in given:
            if name not in _NAMES:
                raise ValueError(f"the address asks for {name[:80]!r}, which is none of the filters that the form has")
            if not value.strip():
                continue
            if name in _BOUNDS:
                bounds[name] = _number(name, value)
            elif name == "subjects":
                subjects = _count(name, value)
            else:
                texts[name] = _text(name, value)
        return cls(texts=texts, subjects=subjects, bounds=bounds)

    def address(self) -> list[tuple[str, str]]:
        """The names and values that `read` reads as this query, always in the same order."""
        found = {**self.texts, **{name: _short(value) for name, value in self.bounds.items()}}
        if self.subjects is not None:
            found["subjects"] = str(self.subjects)
        return [(name, found[name]) for name in _NAMES if name in found]

    def having(self, **texts: str) -> "ClipQuery":
        """The same with other texts or choices; an empty one asks for nothing."""
        return replace(self, texts={name: text for name, text in {**self.texts, **texts}.items() if text})

    def where(self) -> Condition:
        """All of it as a condition on the columns of the index."""
        found = list(self._conditions())
        sql = " AND ".join(f"({each.sql})" for each in found) or "true"
        return Condition(sql, tuple(value for each in found for value in each.values))

    @property
    def is_search(self) -> bool:
        """Whether it looks into captions or for words, and so asks the tables `search.captions` and `search.words`."""
        return "q" in self.texts or "word" in self.texts

    def order(self) -> str:
        """The ORDER BY clause; clips without the number come last."""
        name = self.texts.get("sort")
        if name is None:
            return "place"
        return f"{name} {'DESC' if self.texts.get('order') == 'desc' else 'ASC'} NULLS LAST, place"

    def _conditions(self) -> Iterator[Condition]:
        for name, condition in _OF_TEXTS.items():
            if name in self.texts:
                yield condition(self.texts[name])
        if word := self.texts.get("word"):
            yield _has_word(word, self._columns())
        elif "kind" in self.texts:
            (column,) = self._columns()
            yield Condition(f"len({column}) > 0", ())
        if self.subjects is not None:
            yield Condition("len(subjects) = ?", (self.subjects,))
        for bound, limit in self.bounds.items():
            side, _, name = bound.partition("_")
            yield Condition(f"{name} {'>=' if side == 'min' else '<='} ?", (limit,))

    def _columns(self) -> tuple[str, ...]:
        kind = self.texts.get("kind")
        return tuple(WORD_COLUMNS.values()) if kind is None else (WORD_COLUMNS[EntityKind(kind)],)


def _equals(column: str) -> Callable[[str], Condition]:
    return lambda value: Condition(f"{column} = ?", (value,))


def _in_caption(text: str) -> Condition:
    """Entity words are parts of the caption, so they are found too."""
    return Condition("place IN (SELECT place FROM search.captions WHERE contains(caption, lower(?)))", (text,))


def _is_class(name: str) -> Condition:
    """The class that the content filter finds likeliest."""
    return Condition(f"{name} = greatest({', '.join(CONTENT_CLASSES)})", ())


def _has_word(word: str, columns: tuple[str, ...]) -> Condition:
    kinds = ", ".join(f"'{column}'" for column in columns)
    return Condition(f"place IN (SELECT place FROM search.words WHERE word = lower(?) AND kind IN ({kinds}))", (word,))


_OF_TEXTS: Final[Mapping[str, Callable[[str], Condition]]] = {
    **{name: _equals(name) for name in ("outcome", "stage", "reason", "bucket")},
    "class": _is_class,
    "q": _in_caption,
}


def _text(name: str, value: str) -> str:
    choices = _CHOICES.get(name)
    if choices is not None and value not in choices:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(choices)}")
    if len(value) > _MOST_LETTERS:
        raise ValueError(f"{name} has {len(value)} letters, expected at most {_MOST_LETTERS}")
    return value


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r}, expected a number")
    return number


def _short(value: float) -> str:
    """The value in as few digits as give it back."""
    return short if float(short := f"{value:g}") == value else repr(value)


def _count(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise ValueError(f"{name} is {value!r}, expected a whole number from 0")
    return int(value)
