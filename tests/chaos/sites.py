"""Where killed runs write, seen from outside: a folder of a disk, or a bucket behind a proxy."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from dataset_schema import INDEX_FOLDER, TABLES
from storage.address import Address, Place
from tests.object_store import Proxy, environment, unfinished_uploads

_TABLES: Final = tuple(table.folder for table in TABLES.values())

# What a finished dataset has beside its shards and its index; the lock stays, and says that nobody holds it.
_STAYS: Final = frozenset({"dataset.json", "README.md", ".run.lock"})


class Site(Protocol):
    """Where one dataset lies."""

    @property
    def dataset(self) -> Place:
        """The dataset."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the runs."""

    @property
    def look_every_s(self) -> float:
        """How often to ask; asking takes time from the runs."""

    def num_shards(self) -> int:
        """How many are finished."""

    def catch_shard(self, number: int, *, late: bool) -> None:
        """Be ready for the shard that is so many-th; before its last byte is there, or, where that can be, after it."""

    def is_caught(self) -> bool:
        """Whether that one is half written now."""

    def let_go(self) -> None:
        """Nothing more is to be caught: whoever wrote it is dead."""

    def left_over(self) -> tuple[str, ...]:
        """What is there that belongs to no finished dataset."""


@dataclass
class DiskSite:
    """A folder that is not there yet."""

    dataset: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    look_every_s: float = 0.0
    _wanted: int = 0
    _seen: set[str] = field(default_factory=set)

    def num_shards(self) -> int:
        """See `Site`."""
        return sum(1 for table in _TABLES for _ in (self.dataset / table).glob("part-*.parquet"))

    def catch_shard(self, number: int, *, late: bool) -> None:
        """See `Site`; a file that has all its bytes and not yet its name is half written too."""
        self._wanted = number

    def is_caught(self) -> bool:
        """See `Site`."""
        for table in _TABLES:
            if (self.dataset / table).is_dir():
                entries = os.scandir(self.dataset / table)
                self._seen.update(entry.path for entry in entries if entry.name.endswith(".tmp"))
        return len(self._seen) >= self._wanted

    def let_go(self) -> None:
        """See `Site`."""

    def left_over(self) -> tuple[str, ...]:
        """Temporary files."""
        return tuple(str(path.relative_to(self.dataset)) for path in self.dataset.rglob("*.tmp"))


@dataclass
class StoreSite:
    """A bucket, which only the runs see through the proxy: who looks on is not disturbed, and counts for nothing.

    Attributes:
        scratch: an empty folder for what the runs put on this machine.
    """

    dataset: Address
    proxy: Proxy
    scratch: Path
    look_every_s: float = 0.01

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the runs; Ray's sockets need a short name."""
        return environment(self.proxy.url) | {"TMPDIR": str(self.scratch), "RAY_TMPDIR": "/tmp"}

    def num_shards(self) -> int:
        """See `Site`."""
        return len(self.proxy.shards)

    def catch_shard(self, number: int, *, late: bool) -> None:
        """See `Site`."""
        self.proxy.catch(number, late=late)

    def is_caught(self) -> bool:
        """See `Site`."""
        return self.proxy.caught.is_set()

    def let_go(self) -> None:
        """See `Site`."""
        self.proxy.let_go()

    def left_over(self) -> tuple[str, ...]:
        """Objects, uploads in parts, and files of this machine."""
        objects = [path for path in self.dataset.rglob("*") if not self._is_of_dataset(path)]
        uploads = unfinished_uploads(self.proxy.upstream, self.dataset.bucket.root.removeprefix("s3://"))
        return (*map(str, objects), *uploads, *map(str, self.scratch.iterdir()))

    def _is_of_dataset(self, path: Address) -> bool:
        below = path.relative_to(self.dataset)
        is_shard = below.parent.as_posix() in (*_TABLES, INDEX_FOLDER) and below.match("part-*.parquet")
        return is_shard or below.as_posix() in _STAYS
