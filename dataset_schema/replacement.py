"""Which shards of a dataset are to be seen while others take their place: names alone, and one note in `dataset.json`.

Shards are immutable, so a changed row means a new shard. `replacing.py` writes the note.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Self

from storage.address import Place

MANIFEST_NAME: Final = "dataset.json"

_SHARD_NAME: Final = re.compile(r"part-(\d+)-\d+-\d+\.parquet")


def shard_name(*, run: int, writer: int, number: int) -> str:
    """The file name of a shard: unique over the tables, the writers and the runs of a dataset."""
    return f"part-{run:04d}-{writer:03d}-{number:05d}.parquet"


def run_of_shard(name: str) -> int | None:
    """The run that wrote a shard of this file name; None where the name is of another making."""
    found = _SHARD_NAME.fullmatch(name)
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """That the shards of one run take the place of others.

    Attributes:
        run: whose shards are the new ones. They are hidden until `committed`.
        shards: the old ones, such as `samples/part-0001-000-00000.parquet`. They are hidden once it is.
    """

    run: int
    shards: tuple[str, ...]
    committed: bool = False

    def hides(self, folder: str, name: str) -> bool:
        """Whether a shard of a table's folder is no part of the dataset."""
        return f"{folder}/{name}" in self.shards if self.committed else run_of_shard(name) == self.run

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """As `dataset.json` has it."""
        return cls(run=content["run"], shards=tuple(content["shards"]), committed=content["committed"])


def replacement_of(dataset: Place) -> Replacement | None:
    """What `dataset.json` says is being replaced; None in most datasets, and where it is no file of ours.

    Raises:
        ValueError: it is ours, and cannot be understood.
    """
    path = dataset / MANIFEST_NAME
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except ValueError:
        return None  # other programs too call a file so; of ours, `read_manifest` says what is wrong
    found = content.get("replacement") if isinstance(content, dict) else None
    if found is None:
        return None
    try:
        return Replacement.from_json(found)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{path} has the replacement {found!r}, expected its run, shards and whether it is committed; a newer "
            "version wrote it: update openalchemist"
        ) from error
