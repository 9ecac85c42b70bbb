"""A place that one process at a time works on. The system lets go of a lock when its process ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.busy import BusyError


@contextmanager
def held_alone(lock: Path, *, busy: str) -> Iterator[None]:
    """Hold a lock within the block.

    Args:
        lock: a file that is there for the lock alone; it is made, and stays.
        busy: what to say where another holder is at work.

    Raises:
        BusyError: one is.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        if not try_lock(file.fileno()):
            raise BusyError(busy)
        yield


def try_lock(file_descriptor: int) -> bool:
    """Take the lock of an open file until it is closed; False where another holder has it."""
    try:
        fcntl.flock(file_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
