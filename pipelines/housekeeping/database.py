"""A database for questions about many clips: it holds so much in memory, and the rest on disk until it is closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb

# Our choice: what one command may take of a small machine. What does not fit waits on disk.
_MEMORY: Final = "500MB"
# Our choice: each thread takes memory beside the limit, as Arrow hands it rows; sixteen took 1.2 GB to load two
# million clips within 150 MB, two took 0.45 GB.
_THREADS: Final = 2


@contextmanager
def scratch_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database that is gone after the block."""
    with TemporaryDirectory(prefix="openalchemist-") as folder, database_in(Path(folder)) as database:
        yield database


def database_in(folder: Path, *, memory: str = _MEMORY) -> duckdb.DuckDBPyConnection:
    """An empty database that puts what does not fit into so much memory into a folder, which no other one may use."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "memory_limit": memory,
        "preserve_insertion_order": False,  # no question asks for it, and keeping it takes memory
        "threads": _THREADS,
        "temp_directory": str(folder),
    }
    return duckdb.connect(config=config)
