"""A file or a folder whole or not at all: written beside its place under a hidden name, then put there in one step.

Callers name the place, and write to the path that they are handed: a store without renames, such as one of objects,
can hand out a path on this machine and send what lies there when it is whole.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; at the end of the block the file takes its place, and after an error nothing has changed.

    It is as readable as the umask makes any other, whatever a library thinks of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode
        yield unfinished
        unfinished.chmod(mode)
        publish(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, replacing an older one in one step."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def publish(unfinished: Path, path: Path) -> None:
    """Put a finished file or folder in its place, in the same folder, once all of it is on disk.

    For what no block can hold, because it is written over a longer time or by several processes. A file replaces an
    older one in one step; an older folder is removed just before.
    """
    for written in (*unfinished.rglob("*"), unfinished):
        _sync(written)
    if unfinished.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    unfinished.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Make sure that a file is on disk, or the names in a directory: a rename lives there, not in the file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
