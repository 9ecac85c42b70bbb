"""A worker process, seen from the process that started it: what it has in work, and whether it still shows life."""

import multiprocessing
import os
import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Final

from curation.execution.executor import Job, SourceRecord
from curation.execution.outcomes import Outcome
from curation.execution.process_worker import serve

# Nothing of this process's threads and locks goes into a worker.
_CONTEXT: Final = multiprocessing.get_context("spawn")

# Our choice: a process of Python begins within a second, or within minutes on a machine with far more to do than cores.
_START_PATIENCE_S: Final = 600.0


class Unit:
    """Records that travel together, and the clips of theirs that are written: a unit is sent again after a crash."""

    def __init__(self, records: Sequence[SourceRecord]) -> None:
        self.records = records
        self._written: set[str] = set()

    def fresh(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Those that an earlier worker had not sent before it died."""
        found = [outcome for outcome in outcomes if outcome.clip_id not in self._written]
        self._written |= {outcome.clip_id for outcome in found}
        return found


class Worker:
    """One worker process.

    Attributes:
        name: the same for the one that takes its place.
        unit: what it has in work.
        clips: that it was given so far.
        was_heard: whether it ever said anything.
        last_sign_s: when it last did, on the clock of `time.monotonic`; in the future while it starts.
        pipe: to wait on.
    """

    def __init__(self, job: Job, name: str) -> None:
        (group,) = job.plan.groups
        self.name = name
        self.unit: Unit | None = None
        self.clips = 0
        self.was_heard = False
        self.last_sign_s = time.monotonic() + _START_PATIENCE_S
        self.pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=serve,
            args=(theirs, group.stages),
            kwargs={"score_all": job.score_all, "withheld": job.withheld, "worker": name, "parent": os.getpid()},
            name=f"curation {name}",
            daemon=True,
        )
        with _threads(ceil(group.cpus)):
            self._process.start()
        theirs.close()  # or a worker's death would not close the pipe

    def give(self, unit: Unit) -> None:
        """Send it a unit. That it died meanwhile shows when it is listened to."""
        self.unit = unit
        self.clips += len(unit.records)
        self.last_sign_s = max(self.last_sign_s, time.monotonic())
        self._send(unit.records)

    def hear(self) -> object:
        """What it has to say.

        Raises:
            EOFError: it is dead, as it is after any OSError.
        """
        self.last_sign_s = time.monotonic()
        message = self.pipe.recv()
        self.was_heard = True
        return message

    def answer(self, deaths: Sequence[int]) -> None:
        """Tell it how many workers died on what it is about to do."""
        self._send(deaths)

    def retire(self) -> None:
        """Let it end after what it has in work."""
        self._send(None)

    def join(self, timeout_s: float) -> int | None:
        """Wait for its end; the exit status, None where it has not ended."""
        self._process.join(timeout_s)
        return self._process.exitcode

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def _send(self, message: object) -> None:
        try:
            self.pipe.send(message)
        except OSError:  # it is dead: whoever listens to its pipe hears of it
            return


def expect_travels(job: Job) -> None:
    """Refuse a stage that cannot be sent to another process.

    Raises:
        ValueError: there is one; the message says what to do.
    """
    for group in job.plan.groups:
        for planned in group.stages:
            try:
                pickle.dumps(planned)
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise ValueError(
                    f"stage {planned.stage.name} cannot be sent to a worker process ({error}); define its class, and "
                    "what it holds, at the top of a module, or run with LocalExecutor, in this process"
                ) from error


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """What is started meanwhile keeps to so many threads, unless the user said how many: libraries read it once."""
    name = "OMP_NUM_THREADS"
    if name in os.environ:
        yield
        return
    os.environ[name] = str(number)
    try:
        yield
    finally:
        del os.environ[name]
