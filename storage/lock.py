"""A place that one process at a time works on.

On a disk the system lets go of a lock when its process ends, however it ends; in a store it is a lease.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.address import Address, Place
from storage.busy import BusyError
from storage.holder import Holder
from storage.lease import LEASE_S, expect_leased, leased


@contextmanager
def held_alone(lock: Place, *, busy: str, lease_s: float = LEASE_S) -> Iterator[Holder]:
    """Hold a lock within the block; gives what it says of its holder.

    Args:
        lock: a file that is there for the lock alone; it is made, and stays.
        busy: what to say where another holder is at work; who that is, is added.
        lease_s: how long a lock in a store outlives a holder that was killed.

    Raises:
        BusyError: one is.
        OSError: the store cannot be asked.
    """
    if isinstance(lock, Address):
        with leased(lock, busy=busy, lease_s=lease_s) as holder:
            yield holder
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+b") as file:
        if not try_lock(file.fileno()):
            raise BusyError(f"{busy} ({_written(lock)})")
        holder = Holder.this_process()
        file.truncate(0)
        file.write(holder.to_text())
        file.flush()
        try:
            yield holder
        finally:
            file.truncate(0)  # nobody holds it now


def expect_held(lock: Place, holder: Holder) -> None:
    """Refuse to go on where a lock was lost, which only one in a store can be: its store was out of reach for long.

    Raises:
        BusyError: it was, and another process works there by now.
    """
    if isinstance(lock, Address):
        expect_leased(lock, holder)


@contextmanager
def held_in_turn(lock: Path) -> Iterator[None]:
    """Wait for a lock of this machine and hold it within the block, which takes moments; threads wait as processes do.

    Args:
        lock: a file that is there for the lock alone; it is made, and stays.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield


def try_lock(file_descriptor: int) -> bool:
    """Take the lock of an open file until it is closed; False where another holder has it."""
    try:
        fcntl.flock(file_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _written(lock: Path) -> str:
    """The holder; of one of an older version, or of the moment before it is written, that there is one."""
    return str(Holder.of_text(lock.read_bytes()) or "it does not say which")
