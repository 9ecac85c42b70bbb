"""Where Ray puts the files of a cluster that it starts: a folder that it can write, with names that fit its sockets."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from storage.places import expect_folder_to_write

logger = logging.getLogger(__name__)

# What Linux takes as the name of a socket, and what Ray appends to the folder:
# session_2026-01-31_23-59-59_123456_4194304/sockets/plasma_store, with a number where that is taken.
_SOCKET_BYTES: Final = 107
_RAY_APPENDS: Final = len("/session_2026-01-31_23-59-59_123456_4194304/sockets/plasma_store.99")

_USUAL: Final = ("/tmp", "/var/tmp", "/dev/shm")


def ray_folder() -> Path:
    """The folder that Ray would take, or the first other one where that has too long a name or cannot be written.

    On a machine of several people, `/tmp/ray` may belong to one of them; so each has another one to fall back to.

    Raises:
        OSError: no folder does; the message lists all that were tried.
    """
    problems: list[str] = []
    for folder in _folders():
        problem = _problem(folder)
        if problem is None:
            if problems:
                logger.warning("Ray's files go to %s: %s", folder, problems[0])
            return folder
        problems.append(problem)
    raise OSError(f"Ray has no place for its files: {'; '.join(problems)}; set RAY_TMPDIR to one of a short name")


def _folders() -> Iterator[Path]:
    named = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR")
    for top in dict.fromkeys([*([named] if named else []), *_USUAL]):
        yield Path(top) / "ray"
        yield Path(top) / f"ray-{os.getuid()}"


def _problem(folder: Path) -> str | None:
    if not folder.is_absolute():
        return f"{folder} is no absolute path"
    if len(os.fsencode(folder)) + _RAY_APPENDS > _SOCKET_BYTES:
        return f"{folder} is too long a name for sockets, expected at most {_SOCKET_BYTES - _RAY_APPENDS} bytes"
    try:
        expect_folder_to_write(folder)
    except (OSError, ValueError) as error:
        return str(error)
    return None
