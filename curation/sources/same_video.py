"""One name for each video, however a row spells it: `./a.mp4`, a link or an absolute path are `a.mp4`.

A clip's id is made of the name as it stands in the row, so that it is the same on every machine and in every run. This
other name only tells repetitions. It asks the file system about folders, each of them once, and not about every video,
of which a manifest may name a million on a store that answers slowly. Two names of one file without a link (hard links)
stay two videos, and so do two objects of a store, which knows no links.
"""

import os
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

from storage.address import Address, Place

_REMEMBERED_FOLDERS: Final = 1 << 16


class VideoNames:
    """Tells which paths are one video."""

    def __init__(self, folder: Place) -> None:
        """`folder`: a path has no links in it; names below it are relative to it, as rows usually have them."""
        self._prefix = f"{folder}/"
        self._look_at = lru_cache(maxsize=_REMEMBERED_FOLDERS)(_look_at)

    def of(self, place: Place) -> str:
        """The one name of the file at an absolute path or an address, whether there is one or not."""
        if isinstance(place, Address):
            return str(place).removeprefix(self._prefix)
        path = str(place)
        parent, name = os.path.split(path)
        real, links = self._look_at(parent)
        path = os.path.realpath(path) if name == ".." or name in links else f"{real.rstrip(os.sep)}{os.sep}{name}"
        return _composed(path).removeprefix(self._prefix)


def _look_at(folder: str) -> tuple[str, frozenset[str]]:
    """The folder without links, and which names in it are links."""
    real = os.path.realpath(folder)
    try:
        with os.scandir(real) as entries:
            return real, frozenset(entry.name for entry in entries if entry.is_symlink())
    except OSError:  # no such folder, or none that is ours to read: its videos will fail one by one
        return real, frozenset()


def _composed(path: str) -> str:
    """The path with composed letters, where the file system takes those for the same file."""
    if path.isascii() or unicodedata.is_normalized("NFC", path):
        return path
    composed = unicodedata.normalize("NFC", path)
    return composed if _is_same(composed, path) else path


def _is_same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False
