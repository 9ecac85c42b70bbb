"""What lies between the process that reads the manifest and the workers: units of clips, and what is known of them.

A unit is a handful of records that travel together, pickled.
"""

import asyncio
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field

from curation.execution.crash_log import MemoryCrashLog
from curation.execution.guard import StageSetupError
from curation.funnel import Counts


@dataclass
class FeedState:
    """How far the units have come.

    Attributes:
        finished: units whose clips are all with a writer.
        signs_of_life: grows whenever a worker or a writer does anything.
        setup_error: why a stage cannot be made ready on some worker.
        worker_error: why a worker broke off, other than that.
    """

    finished: int = 0
    signs_of_life: int = 0
    setup_error: str | None = None
    worker_error: str | None = None
    counts_by_writer: dict[int, Counts] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        """What the writers have taken in."""
        return sum(self.counts_by_writer.values(), start=Counts())


class Feed:
    """Holds the units between the reader and the writers, the counts, and the crash log of every worker."""

    def __init__(self) -> None:
        self._units: dict[int, bytes] = {}
        self._num_offered = 0
        self._is_ended = False
        self._changed = asyncio.Condition()
        self._crash_log = MemoryCrashLog()
        self._state = FeedState()

    async def offer(self, units: Sequence[bytes], *, is_end: bool) -> None:
        """Put units in; `is_end` says that none come after them."""
        async with self._changed:
            for unit in units:
                self._units[self._num_offered] = unit
                self._num_offered += 1
            self._is_ended = is_end
            self._changed.notify_all()

    async def take(self, number: int) -> bytes | None:
        """A unit once it is there; None after the last one.

        The same number gives the same unit for as long as that is in flight: Ray may run the source operator again
        from the beginning. A unit that is written comes back empty.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: number < self._num_offered or self._is_ended)
        if number >= self._num_offered:
            return None
        return self._units.get(number, pickle.dumps([]))

    async def written(self, writer: int, number: int, counts: Counts) -> None:
        """Note that a writer has this unit, and all it has so far."""
        self._state.signs_of_life += 1
        self._state.counts_by_writer[writer] = counts
        if self._units.pop(number, None) is not None:
            self._state.finished += 1

    async def state(self) -> FeedState:
        """How far the units have come."""
        return self._state

    async def report_worker_error(self, error: Exception) -> None:
        """Note why the run is about to end; Ray's own account of it is three wrapped tracebacks."""
        if isinstance(error, StageSetupError):
            self._state.setup_error = str(error)
        else:
            self._state.worker_error = f"{type(error).__name__}: {error}"

    async def begin(self, task: str, items: Sequence[str]) -> list[int]:
        """See `CrashLog`."""
        self._state.signs_of_life += 1
        return self._crash_log.begin(task, items)

    async def end(self, task: str, items: Sequence[str]) -> None:
        """See `CrashLog`."""
        self._state.signs_of_life += 1
        self._crash_log.end(task, items)
