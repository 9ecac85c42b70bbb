"""Work done in the background, and results kept within a limit of memory."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)
Made = TypeVar("Made")


def prefetch(make: Callable[[Item], Made], items: Iterable[Item], *, threads: int) -> Iterator[Made]:
    """`make` of every item, in order; while one result is used, the next `threads` are made."""
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="prefetch")
    pending: deque[Future[Made]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(make, item))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class BoundedMemory(Generic[Item, Made]):
    """Makes things, and keeps those that were asked for last. Any thread may ask.

    Args:
        make: a pure function; two threads that ask at once may both run it.
        size_bytes: of what was made.
        limit_bytes: of everything that is kept.
    """

    def __init__(self, make: Callable[[Item], Made], *, size_bytes: Callable[[Made], int], limit_bytes: int) -> None:
        self._make = make
        self._size_bytes = size_bytes
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[Item, Made] = OrderedDict()
        self._kept_bytes = 0
        self._lock = Lock()

    def get(self, item: Item) -> Made:
        """What was made of `item`."""
        with self._lock:
            if item in self._kept:
                self._kept.move_to_end(item)
                return self._kept[item]
        made = self._make(item)
        with self._lock:
            if item not in self._kept:
                self._kept[item] = made
                self._kept_bytes += self._size_bytes(made)
            while self._kept_bytes > self._limit_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._kept_bytes -= self._size_bytes(oldest)
        return made
