"""What lies in a folder and below it: paths relative to it, with slashes between their parts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from curation.execution.lock import LOCKS
from dataset_schema import is_dataset
from storage.address import Place

# What lies side by side in a dataset (also one that was hardly begun), in a folder of clips to label, in one of contact
# sheets, in a training and in a pipeline.
_WRITTEN_TOGETHER: Final = (
    LOCKS,
    frozenset({"labels.csv", "labels.html"}),
    frozenset({"kept.html", "rejected.html"}),
    frozenset({"metrics.jsonl", "checkpoints"}),
    frozenset({"config.json", "model.safetensors"}),
    frozenset({"config.json", "model.safetensors.index.json"}),
)
_MANIFEST: Final = "dataset.json"

# Names that tell whether an earlier command wrote the folder they lie in.
TELLING_NAMES: Final = frozenset({_MANIFEST}).union(*_WRITTEN_TOGETHER)


@dataclass
class FolderContent:
    """What lies in a folder and below it; names that begin with a dot do not count.

    Attributes:
        files: regular ones, also behind links; sorted.
        problems: links that lead nowhere, and folders that cannot be read, with what is wrong.
        left_out: folders that an earlier command wrote; the empty path is the folder itself.
        again: links among the files to one that lies here under its own name, with that name.
    """

    files: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    again: dict[str, str] = field(default_factory=dict)


def is_written(folder: Place, names: Iterable[str]) -> bool:
    """Whether an earlier command wrote the folder, in which these names lie."""
    found = frozenset(names)
    return any(marks <= found for marks in _WRITTEN_TOGETHER) or (_MANIFEST in found and is_dataset(folder))


def by_parts(path: str) -> list[str]:
    """What paths are sorted by: a folder stands where its name does, whatever its content is called."""
    return path.split("/")
