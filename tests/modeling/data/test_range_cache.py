import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataset_schema.byte_ranges import ByteRange
from modeling.data.range_cache import RangeCache, RangeCacheConfig
from storage.address import Address
from tests.object_store import Proxy, bucket, proxy, put, session_proxy, store_url

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

CONTENT = bytes(number * 7 % 251 for number in range(4000))

READ_ALL = """
import sys
from pathlib import Path
from dataset_schema.byte_ranges import ByteRange
from modeling.data.range_cache import RangeCache
from storage.address import Address
cache = RangeCache(Path(sys.argv[2]), max_bytes=1000)
for start in [*range(0, 4000, 100)] * 2:
    (found,) = cache.read(Address(sys.argv[1]), [ByteRange(start, 100)], size_bytes=4000)
    sys.stdout.buffer.write(found)
"""


def kept_bytes(folder: Path) -> int:
    """Of all that lies there, but the note of the total and the lock."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.name not in (".total", ".lock"))


@pytest.fixture
def shard(bucket: str) -> Address:
    put(f"{bucket}/shard", CONTENT)
    return Address(f"{bucket}/shard")


def test_ranges_are_what_stands_there_and_neighbours_cost_one_request(
    shard: Address, tmp_path: Path, proxy: Proxy
) -> None:
    ranges = [ByteRange(600, 400), ByteRange(200, 390), ByteRange(3900, 100), ByteRange(700, 0)]
    cache = RangeCache(tmp_path, max_bytes=10_000)

    found = cache.read(shard, ranges, size_bytes=len(CONTENT))

    assert found == [CONTENT[each.offset : each.end] for each in ranges]
    assert proxy.seen == {"PUT": 1, "HEAD": 1, "GET": 2}


def test_what_is_kept_survives_a_restart_and_is_not_fetched_again(shard: Address, tmp_path: Path, proxy: Proxy) -> None:
    ranges = [ByteRange(0, 100), ByteRange(2000, 100)]
    first = RangeCache(tmp_path, max_bytes=10_000).read(shard, ranges, size_bytes=len(CONTENT))
    proxy.plan(0, 0)

    second = RangeCache(tmp_path, max_bytes=10_000).read(shard, ranges, size_bytes=len(CONTENT))

    assert second == first
    assert proxy.seen == {"HEAD": 1}


def test_the_bound_holds_after_every_read_and_the_last_used_stay(shard: Address, tmp_path: Path, proxy: Proxy) -> None:
    cache = RangeCache(tmp_path, max_bytes=1000)
    first = ByteRange(0, 100)
    for number, start in enumerate(range(0, 4000, 100)):
        cache.read(shard, [ByteRange(start, 100)], size_bytes=len(CONTENT))
        assert kept_bytes(tmp_path) <= 1000
        os.utime(max(tmp_path.glob("*.range"), key=os.path.getmtime), ns=(2 * number, 2 * number))
        cache.read(shard, [first], size_bytes=len(CONTENT))

    proxy.plan(0, 0)
    cache.read(shard, [first, ByteRange(3900, 100)], size_bytes=len(CONTENT))
    assert proxy.seen["GET"] == 0
    cache.read(shard, [ByteRange(100, 100)], size_bytes=len(CONTENT))
    assert proxy.seen["GET"] == 1


def test_a_range_larger_than_the_bound_is_read_and_not_kept(shard: Address, tmp_path: Path) -> None:
    cache = RangeCache(tmp_path / "kept", max_bytes=1000)

    assert cache.read(shard, [ByteRange(0, 1001)], size_bytes=len(CONTENT)) == [CONTENT[:1001]]

    assert not (tmp_path / "kept").exists()


def test_threads_share_the_folder_and_its_bound(shard: Address, tmp_path: Path) -> None:
    caches = [RangeCache(tmp_path, max_bytes=1000) for _ in range(2)]

    def read(number: int) -> bytes:
        (found,) = caches[number % 2].read(shard, [ByteRange(number // 2 * 100, 100)], size_bytes=len(CONTENT))
        return found

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, range(80)))

    assert b"".join(found[::2]) == b"".join(found[1::2]) == CONTENT
    assert kept_bytes(tmp_path) <= 1000


@pytest.mark.slow
def test_processes_share_the_folder_and_its_bound(shard: Address, tmp_path: Path) -> None:
    command = [sys.executable, "-c", READ_ALL, shard.url, str(tmp_path)]

    children = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]

    assert [child.communicate(timeout=120)[0] for child in children] == [CONTENT * 2] * 3
    assert kept_bytes(tmp_path) <= 1000


def test_what_a_killed_process_left_makes_room_and_other_files_are_never_touched(
    shard: Address, tmp_path: Path
) -> None:
    left = tmp_path / f".{'0' * 40}.range.17.tmp"
    left.write_bytes(bytes(900))
    own = tmp_path / "thesis.tex"
    own.write_bytes(bytes(5000))

    RangeCache(tmp_path, max_bytes=1000).read(shard, [ByteRange(0, 200)], size_bytes=len(CONTENT))

    assert not left.exists()
    assert own.exists()


@pytest.mark.parametrize("total", ["", "nonsense", "999999"])
def test_a_note_of_the_total_that_is_wrong_costs_a_look_and_nothing_else(
    shard: Address, tmp_path: Path, total: str
) -> None:
    (tmp_path / ".total").write_text(total)
    cache = RangeCache(tmp_path, max_bytes=1000)

    for start in range(0, 2000, 100):
        assert cache.read(shard, [ByteRange(start, 100)], size_bytes=len(CONTENT)) == [CONTENT[start : start + 100]]
        assert kept_bytes(tmp_path) <= 1000


def test_an_entry_that_was_cut_is_fetched_again(shard: Address, tmp_path: Path) -> None:
    cache = RangeCache(tmp_path, max_bytes=1000)
    cache.read(shard, [ByteRange(0, 100)], size_bytes=len(CONTENT))
    (entry,) = tmp_path.glob("*.range")
    entry.write_bytes(b"cut")

    assert cache.read(shard, [ByteRange(0, 100)], size_bytes=len(CONTENT)) == [CONTENT[:100]]
    assert entry.read_bytes() == CONTENT[:100]


def test_another_object_under_the_same_address_is_never_mixed_with_the_first(shard: Address, tmp_path: Path) -> None:
    cache = RangeCache(tmp_path, max_bytes=1000)
    cache.read(shard, [ByteRange(0, 100)], size_bytes=len(CONTENT))
    shard.bucket.put(shard.key, CONTENT[::-1])

    with pytest.raises(OSError, match="shard"):
        cache.read(shard, [ByteRange(100, 100)], size_bytes=len(CONTENT))
    anew = RangeCache(tmp_path, max_bytes=1000).read(shard, [ByteRange(0, 100)], size_bytes=len(CONTENT))
    assert anew == [CONTENT[::-1][:100]]


def test_a_folder_that_cannot_be_written_is_named_with_the_field(shard: Address, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = RangeCacheConfig(folder=tmp_path / "file").open()

    with pytest.raises(ValueError, match=r"file of data\.range_cache cannot be used .*set data\.range_cache\.folder"):
        cache.read(shard, [ByteRange(0, 100)], size_bytes=len(CONTENT))


def test_without_a_folder_the_users_own_for_caches_is_taken(
    shard: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    RangeCacheConfig().open().read(shard, [ByteRange(0, 100)], size_bytes=len(CONTENT))

    assert kept_bytes(tmp_path / "openalchemist" / "ranges") == 100
