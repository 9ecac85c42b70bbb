"""The files of a folder, behind links too, but each folder once, and without what earlier commands wrote.

A folder that is reached by its own name and by a link goes by its own name, so that a new link changes no clip's id.
"""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

from curation.execution.lock import LOCKS
from dataset_schema import is_dataset
from storage.address import Place

# What lies side by side in a dataset (also one that was hardly begun), in a folder of clips to label, in one of contact
# sheets, in a training and in a pipeline.
_WRITTEN_TOGETHER: Final = (
    LOCKS,
    frozenset({"labels.csv", "labels.html"}),
    frozenset({"kept.png", "rejected.png"}),
    frozenset({"metrics.jsonl", "checkpoints"}),
    frozenset({"config.json", "model.safetensors"}),
)


@dataclass
class FolderContent:
    """What lies in a folder and below it; names that begin with a dot do not count.

    Attributes:
        files: regular ones, also behind links; sorted, as paths that begin with the folder.
        problems: links that lead nowhere, and folders that cannot be read, with what is wrong.
        left_out: folders that an earlier command wrote.
    """

    files: list[Path] = field(default_factory=list)
    problems: dict[Path, str] = field(default_factory=dict)
    left_out: list[Path] = field(default_factory=list)


def list_folder(folder: Path, *, output: Place | None = None) -> FolderContent:
    """Look through a folder.

    Args:
        folder: where to begin.
        output: is left out where it lies inside, whatever it holds.

    Raises:
        ValueError: the folder itself is the output, or an earlier command wrote it, or it cannot be read.
    """
    written = os.path.realpath(output) if isinstance(output, Path) else None
    if os.path.realpath(folder) == written:
        raise ValueError(
            f"input {folder} is the output too, and the dataset would lie among the videos; choose another output, "
            f"such as {folder / 'dataset'}"
        )
    content, seen = FolderContent(), set[str]()
    folders, links = [folder], deque[Path]()
    while folders or links:
        place = folders.pop() if folders else links.popleft()
        real = os.path.realpath(place)
        if real in seen:
            continue
        seen.add(real)
        entries = _entries(place, content)
        if real == written or _is_written(place, frozenset(entry.name for entry in entries)):
            content.left_out.append(place)
            continue
        for entry in _visible(entries):
            _sort(entry, content, folders, links)
    if content.left_out == [folder]:
        raise ValueError(
            f"input {folder} was written by an earlier command; expected a folder of videos, or a manifest"
        )
    if folder in content.problems:
        raise ValueError(f"input {folder} {content.problems[folder]}")
    content.files.sort()
    return content


def _entries(place: Path, content: FolderContent) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return list(entries)
    except OSError as error:
        content.problems[place] = f"cannot be read ({error.strerror})"
        return []


def _visible(entries: list[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    """In the order of their names, so that of two links to a folder the same one is followed everywhere."""
    return (entry for entry in sorted(entries, key=lambda entry: entry.name) if not entry.name.startswith("."))


def _sort(entry: os.DirEntry[str], content: FolderContent, folders: list[Path], links: deque[Path]) -> None:
    path = Path(entry.path)
    if not entry.is_symlink():
        is_folder, is_file = entry.is_dir(), entry.is_file()
    else:
        try:
            mode = path.stat().st_mode
        except OSError as error:  # nothing there, links in a circle, not ours to read
            content.problems[path] = f"is a link to {path.readlink()} ({error.strerror}); mend or remove it"
            return
        is_folder, is_file = S_ISDIR(mode), S_ISREG(mode)
    if is_folder:
        (links if entry.is_symlink() else folders).append(path)
    elif is_file:
        content.files.append(path)


def _is_written(place: Path, names: frozenset[str]) -> bool:
    return any(marks <= names for marks in _WRITTEN_TOGETHER) or ("dataset.json" in names and is_dataset(place))
