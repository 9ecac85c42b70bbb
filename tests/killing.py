"""A process that dies between two changes of files, acted out in this one: every change after it is refused."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_CHANGES = frozenset({"open", "os.rename", "os.remove", "os.mkdir"})


class Killed(BaseException):
    """What a process that is no more does about a file: nothing."""


class Killer:
    """Lets a number of changes of files below a folder happen, and none after those: as if the process were dead."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.left = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None or event not in _CHANGES or not str(arguments[0]).startswith(self.folder):
            return
        if event == "open" and not arguments[2] & 0o103:  # for reading
            return
        if self.left == 0:
            raise Killed
        self.left -= 1

    @contextmanager
    def kills(self, folder: Path, *, after: int) -> Iterator[None]:
        self.folder, self.left = str(folder), after
        try:
            yield
        finally:
            self.folder = None


@cache
def the_killer() -> Killer:
    """The one of this process: what listens to its changes cannot be taken away again."""
    found = Killer()
    sys.addaudithook(found)
    return found
