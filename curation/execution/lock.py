"""Who may write a dataset: one run at a time, and no run while the writers of a killed one are still alive."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage.address import Address, Place
from storage.busy import BusyError
from storage.holder import Holder
from storage.lease import LEASE_S
from storage.lock import expect_held, held_alone, try_lock

_RUN_LOCK: Final = ".run.lock"
_WRITERS_LOCK: Final = ".writers.lock"

# Both lie in every dataset, also in one that was hardly begun.
LOCKS: Final = frozenset({_RUN_LOCK, _WRITERS_LOCK})

# Our choice: a writer on another machine learns of the death of its run within seconds, and may then finish a shard.
_WRITERS_PATIENCE_S: Final = 60.0
_RETRY_S: Final = 0.1


class DatasetBusyError(BusyError):
    """Another run is writing the dataset."""


@contextmanager
def locked_for_run(
    dataset: Place, *, patience_s: float = _WRITERS_PATIENCE_S, lease_s: float = LEASE_S
) -> Iterator[Holder]:
    """Hold the dataset for one run; gives what its writers show before each shard, `expect_held_for`.

    On a disk the system lets go of the lock when the process ends, however it ends. In a store its lease runs out.

    Raises:
        DatasetBusyError: another run holds it, or writers of a killed run live on.
    """
    busy = f"dataset {dataset} is being written by another run; wait for its end, or stop it"
    with _as_dataset_busy(), held_alone(dataset / _RUN_LOCK, busy=busy, lease_s=lease_s) as holder:
        if isinstance(dataset, Path):
            _wait_for_writers(dataset, patience_s)
        yield holder


def expect_held_for(dataset: Place, holder: Holder) -> None:
    """Refuse to write for a run that lost the dataset to another: its store was out of reach for long.

    Raises:
        BusyError: it did.
    """
    expect_held(dataset / _RUN_LOCK, holder)


@contextmanager
def held_by_writer(dataset: Place) -> Iterator[None]:
    """Tell the next run that a writer of this one is alive."""
    if isinstance(dataset, Address):  # there it shows its run's lease at each shard
        yield
        return
    with (dataset / _WRITERS_LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def _as_dataset_busy() -> Iterator[None]:
    try:
        yield
    except BusyError as error:
        raise DatasetBusyError(str(error)) from error


def _wait_for_writers(dataset: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    with (dataset / _WRITERS_LOCK).open("ab") as lock:
        while not try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise DatasetBusyError(
                    f"dataset {dataset} still has writers of a run that was stopped, after {patience_s:g} s; "
                    "stop them, then start again"
                )
            time.sleep(_RETRY_S)
