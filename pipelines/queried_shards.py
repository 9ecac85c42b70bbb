"""Shards as DuckDB reads files: of those in a store the footers, and the columns that a query names, by ranges."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from storage.address import Address, Place
from storage.libraries import library
from storage.ranged_file import RangedFile


@contextmanager
def queried(database: duckdb.DuckDBPyConnection, shards: Sequence[Place]) -> Iterator[list[str]]:
    """What a database has to be told to read some shards, within the block; it calls them by their paths or addresses.

    Raises:
        OSError: the store cannot be asked, in place of what DuckDB makes of it.
        ModuleNotFoundError: a library is not installed that reading from a store takes.
    """
    schemes = {shard.scheme for shard in shards if isinstance(shard, Address)}
    names = [_without_patterns(shard) if isinstance(shard, Path) else str(shard) for shard in shards]
    if not schemes:
        yield names
        return
    (scheme,) = schemes
    trouble: list[OSError] = []
    database.execute("SET threads = 1")  # an object is read at one place at a time
    database.register_filesystem(_store_files(scheme, trouble))
    try:
        yield names
    except Exception as error:
        if trouble:
            raise trouble[0] from error
        raise
    finally:
        database.unregister_filesystem(scheme)


def _without_patterns(path: Path) -> str:
    """The path as DuckDB is to read it: to it, brackets, stars and question marks stand for other names."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


class _Told(RangedFile):
    """An object whose trouble is told, as DuckDB makes a text of it."""

    def __init__(self, address: Address, trouble: list[OSError]) -> None:
        super().__init__(address.bucket, address.key, address.stat())
        self._trouble = trouble

    def read(self, size: int | None = -1, /) -> bytes:
        with _telling(self._trouble):
            return super().read(size)


@contextmanager
def _telling(trouble: list[OSError]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        trouble.append(error)
        raise


def _store_files(scheme: str, trouble: list[OSError]) -> Any:
    """The file system of a store, with what DuckDB asks of one; what the store refuses is added to `trouble`."""

    class StoreFiles(library("fsspec", extra="object-storage").AbstractFileSystem):  # type: ignore[misc]
        protocol = scheme
        cachable = False

        def glob(self, path: str, **_: Any) -> list[str]:
            return [path]  # a key is taken as it is written

        def open(self, path: str, *_: Any) -> RangedFile:
            with _telling(trouble):
                return _Told(Address(path), trouble)

        def size(self, path: str) -> int:
            with _telling(trouble):
                return Address(path).stat().st_size

        def modified(self, path: str) -> datetime:
            with _telling(trouble):
                return Address(path).stat().last_modified

    return StoreFiles()
