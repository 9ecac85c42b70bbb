"""The videos that the user has, by the names that annotations call them."""

import os
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

# What people have beside their videos under the same names.
_BESIDE: Final = frozenset(
    {".txt", ".json", ".jsonl", ".csv", ".parquet", ".jpg", ".jpeg", ".png", ".webp", ".srt", ".vtt"}
)


class MissingVideoError(ValueError):
    """The user does not have a video, or has several that could be meant."""


class VideoFolder:
    """A folder of videos, in whichever folders below.

    People keep the folders of an archive or drop them, so that a path is looked for as it is given, and then by its
    last name alone. The folder is read once, and only if that is needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def by_path(self, path: str) -> Path:
        """The video that an annotation calls by a path.

        Raises:
            MissingVideoError: it is not there, or there are several of this name.
        """
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts or not relative.parts:
            raise MissingVideoError(f"the video {path!r} is no path below a folder")
        if (place := self.root / relative).is_file():
            return place
        return self._one(self._by_name.get(relative.name, []), path)

    def by_stem(self, stem: str) -> Path:
        """The video whose name without its ending is `stem`.

        Raises:
            MissingVideoError: it is not there, or there are several of this name.
        """
        return self._one(self._by_stem.get(stem, []), stem)

    def has_stem(self, stem: str) -> bool:
        """Whether there is one of this name, or several."""
        return stem in self._by_stem

    def _one(self, found: list[str], name: str) -> Path:
        if not found:
            raise MissingVideoError(f"the video {name} is not in {self.root}; fetch it, or leave the clip out")
        if len(found) > 1:
            raise MissingVideoError(
                f"the video {name} may be {found[0]} or {found[1]} in {self.root}; keep one of them"
            )
        return self.root / found[0]

    @cached_property
    def _files(self) -> list[str]:
        files: list[str] = []
        for folder, _, names in os.walk(self.root):
            below = PurePosixPath(folder).relative_to(PurePosixPath(self.root))
            files += [str(below / name) for name in names if _may_be_video(name)]
        return sorted(files)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for file in self._files:
            found.setdefault(PurePosixPath(file).name, []).append(file)
        return found

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for file in self._files:
            found.setdefault(PurePosixPath(file).stem, []).append(file)
        return found


def _may_be_video(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() not in _BESIDE
