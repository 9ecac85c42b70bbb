"""Parts of objects, kept on this machine's disk: no epoch but the first asks the store for the media of its clips.

One file for each range, under a name made of all that it follows from: the object, its tag and its size, and the range.
So none is ever out of date, and the processes of a machine share the folder, one after another and at once.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from dataset_schema.byte_ranges import ByteRange, expect_size, fetch_ranges
from storage.address import Address
from storage.bucket import ObjectFacts
from storage.configs import strict
from storage.lock import held_in_turn
from storage.numbers import expect_positive
from storage.whole_files import whole_file, write_whole_text

_LOCK_NAME: Final = ".lock"
_TOTAL_NAME: Final = ".total"

# What this module writes, also what a killed process left unfinished; nothing else in the folder is ever deleted.
_ENTRY: Final = re.compile(r"[0-9a-f]{40}\.range|\.[0-9a-f]{40}\.range\.\d+\.tmp")
_DIGEST_BYTES: Final = 20

# Our choice: whoever makes room makes this share of the bound at once, so that the folder is seldom listed.
_ROOM_SHARE: Final = 0.1


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCacheConfig:
    """Where the media of a dataset in a store of objects are kept; one on this machine's disk is read from there.

    Attributes:
        folder: Our choice: None takes `openalchemist/ranges` in the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`),
            which all runs of a machine share, and which outlives their outputs. It should lie on a disk of the machine.
        max_gb: of all that is kept; what was not used for longest makes room. Our choice: 50, some ten thousand clips.
            A dataset that is larger is fetched again in every epoch, as far as it does not fit.
    """

    folder: Path | None = None
    max_gb: float = 50.0

    def __post_init__(self) -> None:
        expect_positive("data.range_cache", self, "max_gb")

    def open(self) -> "RangeCache":
        """The cache; its folder is made when something is kept."""
        user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return RangeCache(self.folder or user / "openalchemist" / "ranges", max_bytes=int(self.max_gb * 10**9))


class RangeCache:
    """Reads ranges of objects. Any thread of any process may ask.

    Args:
        folder: on this machine.
        max_bytes: of all files that are kept in it, at any time. A larger range is not kept.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._facts = lru_cache(maxsize=None)(Address.stat)

    def read(self, address: Address, ranges: Sequence[ByteRange], *, size_bytes: int) -> list[bytes]:
        """What stands there. The object itself is asked about once, and then taken to be as it was.

        Args:
            address: of the object.
            ranges: in any order.
            size_bytes: of the object when the ranges were found.

        Raises:
            OSError: it is not there, is not that object any more, or the store does not give it.
            ValueError: the folder cannot be used.
        """
        if not ranges:
            return []
        facts = self._facts(address)
        expect_size(facts.st_size, size_bytes)
        paths = {each: self._path(address, facts, each) for each in ranges}
        with self._told():
            found = {each: _kept(path, each.length) for each, path in paths.items()}
        missing = [each for each, content in found.items() if content is None]
        fetched = dict(zip(missing, fetch_ranges(address, missing, e_tag=facts.e_tag), strict=True))
        with self._told():
            for each, content in fetched.items():
                self._keep(paths[each], content)
        return [found[each] or fetched.get(each, b"") for each in ranges]

    def _path(self, address: Address, facts: ObjectFacts, each: ByteRange) -> Path:
        meant = repr((address.url, facts.e_tag, facts.st_size, *each))
        return self._folder / f"{blake2b(meant.encode(), digest_size=_DIGEST_BYTES).hexdigest()}.range"

    def _keep(self, path: Path, content: bytes) -> None:
        """Write an entry; the total is raised before, so that it is never too small, whenever a process is killed."""
        if len(content) > self._max_bytes:
            return
        with held_in_turn(self._folder / _LOCK_NAME):
            if _kept(path, len(content)) is not None:
                return
            total = self._total() + len(content)
            if total > self._max_bytes:
                total = self._make_room(len(content)) + len(content)
            write_whole_text(self._folder / _TOTAL_NAME, str(total))
            with whole_file(path) as written:
                written.write_bytes(content)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ValueError(
                f"folder {self._folder} of data.range_cache cannot be used ({error.strerror}); free space there, or "
                "set data.range_cache.folder or a lower data.range_cache.max_gb"
            ) from error

    def _total(self) -> int:
        """The bytes of all entries, or more."""
        with suppress(FileNotFoundError, ValueError):
            return int((self._folder / _TOTAL_NAME).read_text())
        return sum(entry.size_bytes for entry in self._entries())

    def _make_room(self, size_bytes: int) -> int:
        """Delete what was not used for longest; gives the bytes of what is left."""
        entries = sorted(self._entries())
        total = sum(entry.size_bytes for entry in entries)
        most = self._max_bytes - max(size_bytes, int(_ROOM_SHARE * self._max_bytes))
        for entry in entries:
            if total <= most:
                break
            entry.path.unlink(missing_ok=True)
            total -= entry.size_bytes
        return total

    def _entries(self) -> Iterator["_Entry"]:
        for path in self._folder.iterdir():
            if _ENTRY.fullmatch(path.name):
                with suppress(FileNotFoundError):  # somebody empties the folder
                    facts = path.stat()
                    yield _Entry(facts.st_mtime_ns, facts.st_size, path)


class _Entry(NamedTuple):
    used_ns: int
    size_bytes: int
    path: Path


def _kept(path: Path, length: int) -> bytes | None:
    """What a file holds, which counts as used from now on; None where there is none of this length, or not any more."""
    try:
        content = path.read_bytes()
        os.utime(path)
    except FileNotFoundError:
        return None
    return content if len(content) == length else None
