"""A whole file for whoever reads all of it: of one in a store a copy, which one request brings to this machine.

Parquet is read column by column. Of a file in a store that takes a request for every few hundred kilobytes of each.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.address import Address, Place


@contextmanager
def local_copy(place: Place) -> Iterator[Path]:
    """Where the content of a file lies on this machine within the block: at its path, or in a copy that is then gone.

    Raises:
        OSError: there is no such object, its store cannot be asked, or the disk of temporary files is full.
    """
    if not isinstance(place, Address):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="fetched-") as folder:
        copy = Path(folder) / "whole"  # a key can be longer than a name on a disk
        with copy.open("wb") as file:
            place.bucket.read_into(file, place.key, size=place.stat().st_size)
        yield copy
