"""Names of checkpoints: a folder, or `owner/name` on the Hugging Face hub with `@` and a revision, told apart."""

import re
from pathlib import Path
from typing import Final, NamedTuple

_REPOSITORY: Final = re.compile(r"[\w.-]+(/[\w.-]+)?")


class HubName(NamedTuple):
    """A repository on the hub, and the revision that is meant; None is the newest."""

    repository: str
    revision: str | None


def folder_or_hub_name(name: str) -> Path | HubName:
    """What a name means: the folder, if there is one, or else a name on the hub, which nobody has asked yet.

    Raises:
        FileNotFoundError: it is neither: a folder that is not there, a file, or a name that no repository can have.
        ValueError: it has a revision where there can be none, or none where it begins one.
    """
    given = Path(name).expanduser()
    if name and given.is_dir():
        return given
    repository, at, revision = name.partition("@")
    if repository and Path(repository).expanduser().is_dir():
        raise ValueError(
            f"checkpoint {name!r} is the folder {repository}, which has no revisions; leave @{revision} out"
        )
    if given.is_file():
        raise FileNotFoundError(f"checkpoint {name!r} is a file, expected the folder that it lies in")
    if repository.startswith((".", "~", "/")) or not _REPOSITORY.fullmatch(repository):
        raise FileNotFoundError(
            f"checkpoint {name!r} is no folder here, and cannot be a name on the hub; expected a folder that exists, "
            "or owner/name, with @ and a revision if not the newest is meant"
        )
    if at and not revision:
        raise ValueError(
            f"checkpoint {name!r} has no revision behind its @; add a branch, tag or commit, or leave @ out"
        )
    return HubName(repository, revision or None)
