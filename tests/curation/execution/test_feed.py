import asyncio
import pickle

from curation.execution.feed import Feed
from curation.funnel import Counts


def test_units_come_in_order_and_end_with_none() -> None:
    async def scenario() -> list[bytes | None]:
        feed = Feed()
        await feed.offer([b"a", b"b"], is_end=True)
        return [await feed.take(number) for number in range(3)]

    assert asyncio.run(scenario()) == [b"a", b"b", None]


def test_whoever_asks_early_waits() -> None:
    async def scenario() -> tuple[bool, bytes | None]:
        feed = Feed()
        asking = asyncio.create_task(feed.take(0))
        await asyncio.sleep(0.01)
        is_waiting = not asking.done()
        await feed.offer([b"a"], is_end=False)
        return is_waiting, await asking

    assert asyncio.run(scenario()) == (True, b"a")


def test_a_unit_is_there_again_until_it_is_written_and_then_empty() -> None:
    async def scenario() -> list[bytes | None]:
        feed = Feed()
        await feed.offer([pickle.dumps([7])], is_end=False)
        before = [await feed.take(0), await feed.take(0)]
        await feed.written(0, 0, Counts(kept=1))
        return [*before, await feed.take(0)]

    found = [pickle.loads(unit or b"") for unit in asyncio.run(scenario())]
    assert found == [[7], [7], []]


def test_a_unit_that_is_written_twice_counts_once() -> None:
    async def scenario() -> tuple[int, int]:
        feed = Feed()
        await feed.offer([b"a", b"b"], is_end=True)
        for _ in range(2):
            await feed.written(0, 0, Counts(kept=3))
        await feed.written(1, 1, Counts(failed=2))
        state = await feed.state()
        return state.finished, state.counts.read

    assert asyncio.run(scenario()) == (2, 5)
