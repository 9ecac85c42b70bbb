"""A lock that lies in a store: an object that its holder renews, and that anybody may take who saw it stay as it was.

Every step is a conditional put, which a store grants to one. Nobody compares clocks: who waits for a dead holder
watches the object's tag by its own clock, so that clocks that differ do no harm.
"""

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from storage.address import Address
from storage.busy import BusyError
from storage.holder import Holder

# Our choice: several renewals may fail before a holder counts as dead; who takes its place waits a minute.
LEASE_S: Final = 60.0
# The name of the thread that renews one.
RENEWING: Final = "renew a lease"
_RENEWALS_IN_LEASE: Final = 6
_LOOKS_IN_LEASE: Final = 30


@contextmanager
def leased(lock: Address, *, busy: str, lease_s: float = LEASE_S) -> Iterator[Holder]:
    """Hold a lease within the block; gives what the object says of its holder.

    Args:
        lock: an object that is there for the lease alone; it stays.
        busy: what to say where another holder is at work.
        lease_s: how long a lease lasts that nobody renews.

    Raises:
        BusyError: another holder is.
        OSError: the store cannot be asked, or knows no conditional puts.
    """
    lease = _Lease(lock, Holder.this_process())
    lease.take(busy, lease_s)
    renewing = threading.Thread(target=lease.renew, args=(lease_s / _RENEWALS_IN_LEASE,), name=RENEWING, daemon=True)
    renewing.start()
    try:
        yield lease.holder
    finally:
        lease.stopped.set()
        renewing.join()
        lease.give_back()


def expect_leased(lock: Address, holder: Holder) -> None:
    """Refuse to go on where the lease was not renewed in time, and another process took it.

    Raises:
        BusyError: one did.
    """
    found, _ = _seen(lock)
    if found is None or found.token != holder.token or found.is_done:
        raise BusyError(
            f"{lock.parent} could not be reached for so long that another process took it "
            f"({found or 'nobody holds it now'}); this one stops, and what it had finished stays"
        )


class _Lease:
    """The object as this process wrote it last."""

    def __init__(self, lock: Address, holder: Holder) -> None:
        self.holder = holder
        self.stopped = threading.Event()
        self._lock = lock
        self._e_tag: str | None = None

    def take(self, busy: str, lease_s: float) -> None:
        """Put the object where there is none, or a free one, or one that stays as it is for a lease's length."""
        if self._put(self.holder, over=None):
            return
        found, e_tag = _seen(self._lock)
        deadline = time.monotonic() + lease_s
        while found is not None and not found.is_done and time.monotonic() < deadline:
            time.sleep(lease_s / _LOOKS_IN_LEASE)
            before, (found, e_tag) = e_tag, _seen(self._lock)
            if e_tag != before and found is not None and not found.is_done:
                raise BusyError(f"{busy} ({found})")
        if not self._put(self.holder, over=e_tag):
            raise BusyError(f"{busy} ({_seen(self._lock)[0]})")

    def renew(self, every_s: float) -> None:
        """Put the object again and again, until `stopped`, or until another process took it."""
        while not self.stopped.wait(every_s):
            renewed = replace(self.holder, renewals=self.holder.renewals + 1)
            try:
                if not self._put(renewed, over=self._e_tag):
                    return  # `expect_leased` tells whoever writes
            except OSError:
                continue  # the store may be back before the lease ends
            self.holder = renewed

    def give_back(self) -> None:
        """Leave a free object, unless another process took it."""
        self._put(replace(self.holder, is_done=True), over=self._e_tag)

    def _put(self, holder: Holder, *, over: str | None) -> bool:
        """Whether the object says so now. A put whose answer was lost is seen by reading: a second try is refused."""
        bucket, key, content = self._lock.bucket, self._lock.key, holder.to_text()
        try:
            self._e_tag = bucket.put(key, content, only_new=over is None, only_over=over)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ESTALE):
                raise
            found, e_tag = _seen(self._lock)
            if found != holder:
                return False
            self._e_tag = e_tag
        return True


def _seen(lock: Address) -> tuple[Holder | None, str | None]:
    """Who holds it, and the tag to replace it by; the tag is asked first, so that it is never newer than the holder."""
    try:
        e_tag = lock.stat().e_tag
        return Holder.of_text(lock.read_bytes()), e_tag
    except FileNotFoundError:
        return None, None
