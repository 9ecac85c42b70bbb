"""Who may write a dataset: one run at a time, and no run while the writers of a killed one are still alive."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage.busy import BusyError

_RUN_LOCK: Final = ".run.lock"
_WRITERS_LOCK: Final = ".writers.lock"

# Our choice: a writer on another machine learns of the death of its run within seconds, and may then finish a shard.
_WRITERS_PATIENCE_S: Final = 60.0
_RETRY_S: Final = 0.1


class DatasetBusyError(BusyError):
    """Another run is writing the dataset."""


@contextmanager
def locked_for_run(dataset: Path, *, patience_s: float = _WRITERS_PATIENCE_S) -> Iterator[None]:
    """Hold the dataset for one run. The system lets go of the lock when the process ends, however it ends.

    Raises:
        DatasetBusyError: another run holds it, or writers of a killed run live on.
    """
    dataset.mkdir(parents=True, exist_ok=True)
    with (dataset / _RUN_LOCK).open("ab") as lock:
        if not _try_lock(lock.fileno()):
            raise DatasetBusyError(f"dataset {dataset} is being written by another run; wait for its end, or stop it")
        _wait_for_writers(dataset, patience_s)
        yield


@contextmanager
def held_by_writer(dataset: Path) -> Iterator[None]:
    """Tell the next run that a writer of this one is alive."""
    with (dataset / _WRITERS_LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def _wait_for_writers(dataset: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    with (dataset / _WRITERS_LOCK).open("ab") as lock:
        while not _try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise DatasetBusyError(
                    f"dataset {dataset} still has writers of a run that was stopped, after {patience_s:g} s; "
                    "stop them, then start again"
                )
            time.sleep(_RETRY_S)


def _try_lock(file_descriptor: int) -> bool:
    try:
        fcntl.flock(file_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
