"""The dataset that is browsed, as it is now: opened once, and again when a command has written it since."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from curation.rules import Policy, Rule
from dataset_schema import INDEX_FOLDER, TABLES, DatasetManifest, open_index, read_manifest
from dataset_schema.index.index import Index, IndexedShard
from pipelines.browser.clip_table import ClipTable
from pipelines.views.clip_view import policy_of, rules_of

# Our choice: a run writes a shard every few minutes, so nobody misses anything, and looking takes a few file names.
_LOOK_AGAIN_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A dataset at one moment.

    Attributes:
        shards: name in the index -> the shard; nothing else of the disk is ever read for a clip.
        policy: stage -> the rules that decided it; empty for what was not curated.
    """

    folder: Path
    manifest: DatasetManifest
    index: Index
    clips: ClipTable
    shards: Mapping[str, IndexedShard]
    policy: Policy

    def rules_of(self, stage: str, code: str) -> Sequence[Rule]:
        """The rules of a stage that give this reason."""
        return rules_of(self.policy, stage, code)


class BrowsedDataset:
    """Gives the dataset as it is now.

    Args:
        folder: what `curate` or `select` wrote.
        scratch: for what DuckDB puts on the disk.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self.scratch = scratch
        self._lock = threading.Lock()
        self._looked_s = -_LOOK_AGAIN_S
        self._seen: object = None
        self._opened: Opened | None = None

    def forget(self) -> None:
        """Open it anew when it is asked for the next time."""
        with self._lock:
            self._opened = None

    def now(self) -> Opened:
        """The dataset; opened anew where its files are others than when it was opened.

        Raises:
            OSError: it is no dataset any more.
            ValueError: it is of another version, or damaged.
        """
        with self._lock:
            if self._opened is not None and time.monotonic() - self._looked_s < _LOOK_AGAIN_S:
                return self._opened
            seen = _signs(self.folder)
            if self._opened is None or seen != self._seen:
                self._opened = None  # what was true before the files changed is not shown any more
                self._opened = open_dataset(self.folder, self.scratch)
                self._seen = seen
            self._looked_s = time.monotonic()
            return self._opened


def open_dataset(folder: Path, scratch: Path) -> Opened:
    """Open a dataset by its head and its index.

    Raises:
        OSError: it is none.
        ValueError: it is of another version, or damaged.
    """
    manifest = read_manifest(folder)
    index = open_index(folder)
    return Opened(
        folder=folder,
        manifest=manifest,
        index=index,
        clips=ClipTable(index, scratch),
        shards={shard.covered.shard: shard for shard in index.shards},
        policy=policy_of(manifest),
    )


def _signs(folder: Path) -> list[tuple[str, int]]:
    """What changes when a command writes the dataset: its head, and the folders that get or lose files."""
    places = [folder / "dataset.json", *(folder / name for name in _FOLDERS)]
    return [(place.name, place.stat().st_mtime_ns) for place in places if place.exists()]


_FOLDERS: Final = (*(table.folder for table in TABLES.values()), INDEX_FOLDER)
