import threading
import time

import pytest

from modeling.data.prefetch import BoundedMemory, prefetch


def test_results_come_in_order_however_long_each_takes() -> None:
    def make(number: int) -> int:
        time.sleep(0.02 * (number % 3 == 0))
        return number * number

    assert list(prefetch(make, range(10), threads=3)) == [number * number for number in range(10)]


def test_the_next_results_are_made_while_one_is_used_and_no_more_than_those() -> None:
    begun: list[int] = []

    def make(number: int) -> int:
        begun.append(number)
        return number

    results = prefetch(make, range(10), threads=2)
    first = next(results)
    deadline = time.monotonic() + 5
    while len(begun) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)

    assert first == 0
    assert sorted(begun) == [0, 1, 2]
    results.close()  # type: ignore[attr-defined]  # it is a generator


def test_an_error_reaches_whoever_asks_for_that_result() -> None:
    results = prefetch(lambda number: 6 // number, [3, 2, 0, 1], threads=2)

    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_memory_keeps_what_was_asked_for_last_within_its_limit() -> None:
    made: list[int] = []

    def make(size: int) -> bytes:
        made.append(size)
        return bytes(size)

    memory = BoundedMemory(make, size_bytes=len, limit_bytes=100)
    for size in (40, 50, 40, 30, 40, 50, 200, 200, 10):
        assert len(memory.get(size)) == size

    # 30 pushes out 50, which then pushes out 30; 200 is more than all, so it pushes out everything and is not kept.
    assert made == [40, 50, 30, 50, 200, 200, 10]


def test_many_threads_may_ask_at_once() -> None:
    memory: BoundedMemory[int, bytes] = BoundedMemory(lambda n: bytes([n] * 10), size_bytes=len, limit_bytes=55)
    wrong: list[int] = []

    def ask(start: int) -> None:
        for step in range(2000):
            number = (start + step * 7) % 20
            if memory.get(number) != bytes([number] * 10):
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong
