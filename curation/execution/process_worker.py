"""One worker process on this machine: it runs all stages on what it is sent, and sends back what became of it.

The pipe carries one message at a time. What the guards note in the crash log goes to the process at the other end,
which outlives this one.
"""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from curation.execution.chain import PlannedStage, StageChain
from curation.execution.guard import StageSetupError
from curation.execution.outcomes import Outcome, finished
from curation.execution.withheld import Withheld
from curation.orphan import end_with_parent


@dataclass(frozen=True, slots=True)
class Begin:
    """Work on these items begins unless one of them has killed a worker; the answer is how many each of them killed."""

    task: str
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class End:
    """The worker survived the work on these items."""

    task: str
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Finished:
    """Some clips of the unit are through."""

    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class UnitDone:
    """All clips of the unit are through."""


@dataclass(frozen=True, slots=True)
class SetupFailed:
    """A stage cannot be made ready."""

    message: str


@dataclass(frozen=True, slots=True)
class Broke:
    """The worker broke off, by a defect of this program."""

    message: str


def serve(
    pipe: Connection, stages: Sequence[PlannedStage], *, score_all: bool, withheld: Withheld, worker: str, parent: int
) -> None:
    """Answer units of records until a None comes, or the other end is gone."""
    import cv2

    # Ctrl-C reaches the whole process group; the process at the other end decides what becomes of the run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)
    # OMP_NUM_THREADS, which torch reads, OpenCV does not.
    cv2.setNumThreads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    log = _PipedCrashLog(pipe)
    chain = StageChain(stages, score_all=score_all, withheld=withheld, crash_log=log, worker=worker)
    try:
        while (unit := pipe.recv()) is not None:
            for records in chain.stream(unit):
                pipe.send(Finished([finished(record, stages[-1].stage.name) for record in records]))
            pipe.send(UnitDone())
    except StageSetupError as error:
        pipe.send(SetupFailed(str(error)))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, the process at the other end ends the run with it
        pipe.send(Broke(f"{type(error).__name__}: {error}"))
    finally:
        chain.close()


class _PipedCrashLog:
    """The crash log of the process at the other end, as a guard sees it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def begin(self, task: str, items: Sequence[str]) -> list[int]:
        self._pipe.send(Begin(task, items))
        deaths: list[int] = self._pipe.recv()
        return deaths

    def end(self, task: str, items: Sequence[str]) -> None:
        self._pipe.send(End(task, items))
