"""The files of a folder, behind links too, but each folder once, and without what earlier commands wrote.

What is reached by its own name and by a link goes by its own name, so that a new link changes no clip's id.
"""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from curation.sources.folder_content import FolderContent, by_parts, is_written


def walk(folder: Path, *, output: Path | None) -> FolderContent:
    """Look through a folder of this machine; `output` is left out where it lies inside, whatever it holds."""
    written = os.path.realpath(output) if output is not None else None
    content, seen = FolderContent(), set[str]()
    own: dict[str, str] = {}  # files that are no links, by their real paths
    linked: dict[str, str] = {}  # and where those lead to that are
    folders, links = [""], deque[str]()
    while folders or links:
        place = folders.pop() if folders else links.popleft()
        real = os.path.realpath(folder / place)
        if real in seen:
            continue
        seen.add(real)
        entries = _entries(folder, place, content)
        if real == written or is_written(folder / place, (entry.name for entry in entries)):
            content.left_out.append(place)
            continue
        for entry in _visible(entries):
            path = f"{place}/{entry.name}" if place else entry.name
            _sort(entry, path, content, folders, links)
            if not entry.is_symlink():
                own[f"{real.rstrip(os.sep)}{os.sep}{entry.name}"] = path
            elif path in content.files[-1:]:
                linked[path] = os.path.realpath(entry.path)
    content.files.sort(key=by_parts)
    content.again = {path: own[target] for path, target in linked.items() if target in own}
    return content


def _entries(folder: Path, place: str, content: FolderContent) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder / place) as entries:
            return list(entries)
    except OSError as error:
        content.problems[place] = f"cannot be read ({error.strerror})"
        return []


def _visible(entries: list[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    """In the order of their names, so that of two links to a folder the same one is followed everywhere."""
    return (entry for entry in sorted(entries, key=lambda entry: entry.name) if not entry.name.startswith("."))


def _sort(entry: os.DirEntry[str], place: str, content: FolderContent, folders: list[str], links: deque[str]) -> None:
    if not entry.is_symlink():
        is_folder, is_file = entry.is_dir(), entry.is_file()
    else:
        path = Path(entry.path)
        try:
            mode = path.stat().st_mode
        except OSError as error:  # nothing there, links in a circle, not ours to read
            content.problems[place] = f"is a link to {path.readlink()} ({error.strerror}); mend or remove it"
            return
        is_folder, is_file = S_ISDIR(mode), S_ISREG(mode)
    if is_folder:
        (links if entry.is_symlink() else folders).append(place)
    elif is_file:
        content.files.append(place)
