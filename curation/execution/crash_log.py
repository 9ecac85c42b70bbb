"""Which clip a worker process was busy with when it died: a process cannot report its own death."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

# Our choice: a worker may die for reasons of its own (a machine taken away, memory taken by a neighbour), so one death
# is no proof. A clip that was alone in a dying worker after it was in one before is given up.
DEATHS_TO_GIVE_UP: Final = 2


class CrashLog(Protocol):
    """Where a guard notes what it is about to do; kept outside the process that may die."""

    def begin(self, task: str, items: Sequence[str]) -> list[int]:
        """Note that work on `items` begins, and return how many workers died on each of them before.

        Nothing begins, and the caller has to ask again for fewer items, when one of several has a death to its name,
        or when a single one has DEATHS_TO_GIVE_UP.
        """
        ...

    def end(self, task: str, items: Sequence[str]) -> None:
        """Note that the worker survived the work on `items`."""
        ...


class MemoryCrashLog:
    """A crash log in the memory of a process that runs no stage."""

    def __init__(self) -> None:
        self._begun: Counter[tuple[str, str]] = Counter()

    def begin(self, task: str, items: Sequence[str]) -> list[int]:
        """See `CrashLog`."""
        deaths = [self._begun[task, item] for item in items]
        if max(deaths) < (DEATHS_TO_GIVE_UP if len(items) == 1 else 1):
            self._begun.update((task, item) for item in items)
        return deaths

    def end(self, task: str, items: Sequence[str]) -> None:
        """See `CrashLog`."""
        for item in items:
            del self._begun[task, item]


class NoCrashLog:
    """For a run in one process: when it dies, there is nobody left to ask."""

    def begin(self, task: str, items: Sequence[str]) -> list[int]:  # noqa: ARG002 - the protocol's names
        """See `CrashLog`."""
        return [0] * len(items)

    def end(self, task: str, items: Sequence[str]) -> None:
        """See `CrashLog`."""
