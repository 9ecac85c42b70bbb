"""What every kind of input gives: rows, counted beforehand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the input, as it stands there: its values are checked where a clip is made of them.

    Attributes:
        place: where it stands, in words.
        number: no other row of the same place has it.
        extra: the columns that curation does not use.
        problem: what is wrong with the whole row.
    """

    place: str
    number: int
    video: Any = None
    caption: Any = None
    start: Any = None
    end: Any = None
    id: Any = None
    licence: Any = None
    consent: Any = None
    rights_holder: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An input that was looked through.

    Attributes:
        count: how many rows it has.
        read: the rows from the first on, as often as it is called.
        left_out: folders in it that were passed over, because an earlier command wrote them.
    """

    count: int
    read: Callable[[], Iterator[Row]]
    left_out: tuple[Place, ...] = ()
