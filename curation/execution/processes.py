"""All stages in as many processes as this machine has room for; this one reads, watches and writes.

    records --units--> worker processes, each with all stages --outcomes--> this process --> shards

It starts in the time that one worker takes to import what the stages need, where Ray takes four times as long, and it
is for one machine whose stages need no GPU: there each worker would load every network.
"""

import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from math import ceil
from multiprocessing.connection import wait
from typing import Final

from curation.execution.crash_log import MemoryCrashLog
from curation.execution.executor import BrokenRunError, Job, OnProgress, SourceRecord
from curation.execution.guard import StageSetupError
from curation.execution.plan import Machine
from curation.execution.process_worker import Begin, Broke, End, Finished, SetupFailed, UnitDone
from curation.execution.this_machine import this_machine
from curation.execution.worker_handle import Unit, Worker, expect_travels
from curation.execution.writer import ShardWriter, open_writer
from curation.funnel import Counts

_LOOK_EVERY_S: Final = 1.0
_CLOSE_TIMEOUT_S: Final = 30.0

# Our choice: records read ahead for each worker, in units; near the end of a run the units become smaller with what is
# left, so that no worker waits for another one's last four clips.
_UNITS_AHEAD: Final = 2

# Our choice: workers that die one after the other without a single unit between; clips that kill them are given up
# long before, after five deaths a unit.
_DEATHS_IN_A_ROW: Final = 10
# Our choice: workers that end before they have said anything. No clip is to blame, and none would ever begin.
_STILLBORN: Final = 3


class ProcessExecutor:
    """Runs a job in worker processes of this machine.

    Args:
        patience_s: Our choice: how long a worker may be silent beyond the time limits of its stages, which it enforces
            itself, and while it loads its weights; then it is ended, as if it had crashed.
        recycle_after: clips after which a worker gives way to a fresh one, since libraries leak. Our choice: 5000.
    """

    is_one_group: bool = True

    def __init__(self, *, patience_s: float = 600.0, recycle_after: int = 5000) -> None:
        if recycle_after < 1:
            raise ValueError(f"recycle_after is {recycle_after}, expected at least 1 clip")
        self._patience_s = patience_s
        self._recycle_after = recycle_after

    def machines(self) -> tuple[Machine, ...]:
        """This one."""
        return (this_machine(),)

    def run(self, job: Job, records: Iterator[SourceRecord], on_progress: OnProgress) -> Counts:
        """See `Executor`.

        Raises:
            StageSetupError: a stage cannot be made ready on a worker.
            BrokenRunError: workers die whatever they do.
            ValueError: a stage cannot be sent to another process.
        """
        (group,) = job.plan.groups
        pool = _Pool(job, patience_s=self._patience_s + group.timeout_s, recycle_after=self._recycle_after)
        try:
            with open_writer(job.destination) as writer:
                pool.run(records, writer, on_progress)
                pool.close()
                return writer.counts
        finally:
            pool.kill()


class _Pool:
    """The workers of one run."""

    def __init__(self, job: Job, *, patience_s: float, recycle_after: int) -> None:
        (group,) = job.plan.groups
        expect_travels(job)
        self._job = job
        self._size = group.workers
        self._patience_s = patience_s
        self._recycle_after = recycle_after
        self._crash_log = MemoryCrashLog()
        self._workers: list[Worker] = []
        self._ahead: deque[SourceRecord] = deque()
        self._again: deque[Unit] = deque()
        self._deaths_in_a_row = 0
        self._stillborn = 0

    def run(self, records: Iterator[SourceRecord], writer: ShardWriter, on_progress: OnProgress) -> None:
        """Send all records through the workers, and write what becomes of them."""
        while self._hand_out(records):
            ready = wait([worker.pipe for worker in self._workers], timeout=_LOOK_EVERY_S)
            told = writer.counts
            for worker in [worker for worker in self._workers if worker.pipe in ready]:
                self._hear(worker, writer)
            if writer.counts != told:  # most messages are about the crash log
                on_progress(writer.counts)
            self._end_silent_ones()

    def close(self) -> None:
        """Let every worker close its stages."""
        for worker in self._workers:
            worker.retire()
        deadline_s = time.monotonic() + _CLOSE_TIMEOUT_S
        for worker in self._workers:
            worker.join(max(0.0, deadline_s - time.monotonic()))

    def kill(self) -> None:
        """End what is still there."""
        for worker in self._workers:
            worker.kill()

    def _hand_out(self, records: Iterator[SourceRecord]) -> bool:
        """Give idle workers something to do; False once nothing is left in work."""
        idle = deque(worker for worker in self._workers if worker.unit is None)
        while (idle or len(self._workers) < self._size) and (unit := self._next_unit(records)):
            worker = idle.popleft() if idle else self._start(self._free_name())
            worker.give(unit)
        return any(worker.unit for worker in self._workers)

    def _next_unit(self, records: Iterator[SourceRecord]) -> Unit | None:
        if self._again:
            return self._again.popleft()
        most = _UNITS_AHEAD * self._size
        self._ahead.extend(islice(records, most * self._job.plan.unit_size - len(self._ahead)))
        some = [self._ahead.popleft() for _ in range(ceil(len(self._ahead) / most))]
        return Unit(some) if some else None

    def _free_name(self) -> str:
        """The name of a worker that is gone, or a new one: the crash log knows workers by name."""
        taken = {worker.name for worker in self._workers}
        return next(name for number in range(self._size) if (name := f"worker {number}") not in taken)

    def _start(self, name: str) -> Worker:
        worker = Worker(self._job, name)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: Worker, writer: ShardWriter) -> None:
        try:
            message = worker.hear()
        except (EOFError, OSError):
            self._replace_dead(worker)
        else:
            self._take(message, worker, writer)

    def _take(self, message: object, worker: Worker, writer: ShardWriter) -> None:
        match message:
            case Begin(task, items):
                worker.answer(self._crash_log.begin(task, items))
            case End(task, items):
                self._crash_log.end(task, items)
            case Finished(outcomes) if worker.unit is not None:
                for outcome in worker.unit.fresh(outcomes):
                    writer.add(outcome)
            case UnitDone():
                self._deaths_in_a_row = 0
                self._settle(worker)
            case SetupFailed(reason):
                raise StageSetupError(reason)
            case Broke(reason):
                raise BrokenRunError(
                    f"a worker process broke off ({reason}); start the run again: it goes on from the finished shards"
                )

    def _settle(self, worker: Worker) -> None:
        worker.unit = None
        if worker.clips >= self._recycle_after:
            worker.retire()
            self._workers.remove(worker)

    def _replace_dead(self, worker: Worker) -> None:
        """Start another one in its place, which goes on with its unit."""
        status = worker.join(_CLOSE_TIMEOUT_S)
        self._workers.remove(worker)
        self._deaths_in_a_row += 1
        self._stillborn += not worker.was_heard
        if self._stillborn >= _STILLBORN:
            raise BrokenRunError(
                f"worker processes end before they do anything, the last with exit status {status}; what they wrote "
                'stands above. A script starts a run below `if __name__ == "__main__":`, because workers import it'
            )
        if self._deaths_in_a_row > _DEATHS_IN_A_ROW * self._size:
            raise BrokenRunError(
                f"{self._deaths_in_a_row} worker processes in a row died, the last with exit status {status}, whatever "
                "they worked on; look at the machine's memory and at what they wrote above, then start the run again: "
                "it goes on from the finished shards"
            )
        if worker.unit is not None:
            self._again.append(worker.unit)
            self._start(worker.name)

    def _end_silent_ones(self) -> None:
        now_s = time.monotonic()
        for worker in self._workers:
            if worker.unit is not None and now_s - worker.last_sign_s > self._patience_s:
                worker.kill()
