"""A file or a folder whole or not at all: written beside its place under a hidden name, then put there in one step.

Callers name the place, and write to the path that they are handed. For a store of objects that is a path on this
machine, and what lies there is sent in one put when it is whole. Our choice: never in several parts, because the parts
of a killed process would stay in the store, seen by nobody and paid for; one put takes 5 GiB, and a shard has far less.
For the same reason the file on this machine has no name: the system takes it back when the process ends, however it
ends.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO

from storage.address import Address, Place
from storage.places import local_path


@contextmanager
def whole_file(path: Place) -> Iterator[Path]:
    """A path to write to; at the end of the block the file takes its place, and after an error nothing has changed.

    It is as readable as the umask makes any other, whatever a library thinks of it.

    Raises:
        ValueError: it is no path of this machine.
        OSError: no file can be put there; on a disk the block has not begun then.
    """
    if isinstance(path, Address):
        with tempfile.TemporaryFile() as file:
            try:
                yield Path(f"/dev/fd/{file.fileno()}")
            except OSError as error:
                error.filename = error.filename or tempfile.gettempdir()  # else a full disk would seem to be the store
                raise
            _send(file, path)
        return
    local_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    written = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        written.touch()
        mode = written.stat().st_mode
        yield written
        written.chmod(mode)
        _put(written, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write to a full disk does not say to what
        raise
    finally:
        written.unlink(missing_ok=True)


def write_whole_text(path: Place, text: str) -> None:
    """Write a text as UTF-8, replacing an older one in one step."""
    with whole_file(path) as written:
        written.write_text(text, encoding="utf-8")


def put_file(path: Path, address: Address) -> None:
    """Put a file of this machine in a store, whole or not at all."""
    with path.open("rb") as file:
        _send(file, address)


def unfinished(path: Path) -> Path:
    """Where a file or folder lies until `publish`: for what several processes write, or one for longer than a block."""
    return path.with_name(f".{path.name}.tmp")


def publish(path: Path, *, are_files_synced: bool = False) -> None:
    """Put what lies at `unfinished(path)` in its place; an older folder there is removed just before.

    Args:
        path: its place.
        are_files_synced: all files in it are on disk already; only their names may not be.
    """
    _put(unfinished(path), path, are_files_synced=are_files_synced)


def sync(path: Path) -> None:
    """Make sure that a file is on disk, or the names in a directory: a rename lives there, not in the file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _send(file: IO[bytes], address: Address) -> None:
    """Put a file, of which no more than the store's line takes at a time need be in memory."""
    if not os.fstat(file.fileno()).st_size:
        address.bucket.put(address.key, b"")  # nothing cannot be mapped
        return
    with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        address.bucket.put(address.key, content)


def _put(written: Path, path: Path, *, are_files_synced: bool = False) -> None:
    for part in _below(written, folders_alone=are_files_synced):
        sync(part)
    if written.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    written.replace(path)
    sync(path.parent)


def _below(place: Path, *, folders_alone: bool) -> Iterator[Path]:
    """What lies at and below a place, a name at a time: an export has several files for each of a million clips."""
    if place.is_dir():
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _below(Path(entry.path), folders_alone=folders_alone)
                elif not folders_alone:
                    yield Path(entry.path)
    yield place
