"""Shards that take the place of others, all at once: a dataset is replaced as a whole or not at all.

`begin_replacement`, then the new shards are written under the number of a run of their own, then `commit_replacement`,
whose one write of `dataset.json` changes what everybody sees, on a disk and in a store without renames alike. Whoever
is killed between leaves the old dataset, or the new one, and files that nobody sees: `clean_up_replacement` removes
them. A dataset that is written whole into a store takes the place of nothing likewise: `begin_whole`, its shards, and
then its own head. All of it is for the one who holds the dataset's lock.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from dataset_schema.manifest import DatasetManifest, read_manifest, write_manifest
from dataset_schema.replacement import Replacement, replacement_of, run_of_shard
from dataset_schema.shard import TABLES
from storage.address import Place

# Of the shards of a dataset that is written whole; runs begin with 1.
WHOLE_RUN: Final = 0


def begin_whole(dataset: Place) -> None:
    """Hide the shards of `WHOLE_RUN` that will be written where no dataset is, until its head is written.

    What a command left that began so and was killed is deleted.
    """
    hidden = Replacement(run=WHOLE_RUN, shards=())
    empty = DatasetManifest(profile="", config={}, annotators=(), funnel=(), complete=False, replacement=hidden)
    write_manifest(dataset, empty)
    for path in _hidden(dataset, hidden):
        path.unlink(missing_ok=True)


def is_begun_whole(dataset: Place) -> bool:
    """Whether there is nothing but what `begin_whole` and a command that was killed after it left."""
    found = replacement_of(dataset)
    return found is not None and found.run == WHOLE_RUN and not found.committed


def begin_replacement(dataset: Place, *, run: int, shards: Iterable[Place]) -> None:
    """Hide the shards that will be written for this run, until they are committed.

    Args:
        dataset: the directory.
        run: a number that no shard carries yet.
        shards: those whose rows the new ones have, or leave out.
    """
    clean_up_replacement(dataset)
    names = tuple(f"{path.parent.name}/{path.name}" for path in shards)
    write_manifest(dataset, replace(read_manifest(dataset), replacement=Replacement(run=run, shards=names)))


def commit_replacement(dataset: Place, manifest: DatasetManifest | None = None) -> None:
    """Let the new shards be seen instead of the old ones, and delete those.

    Args:
        dataset: the directory.
        manifest: the new head of the dataset; None where it stays as it is.

    Raises:
        ValueError: nothing was begun.
    """
    begun = read_manifest(dataset).replacement
    if begun is None:
        raise ValueError(f"dataset {dataset} has no replacement to commit; begin one first")
    head = manifest or read_manifest(dataset)
    write_manifest(dataset, replace(head, replacement=replace(begun, committed=True)))
    clean_up_replacement(dataset)


def clean_up_replacement(dataset: Place) -> None:
    """Delete the hidden shards of a replacement, committed or given up, and with them the note about it."""
    try:
        manifest = read_manifest(dataset)
    except FileNotFoundError:
        return
    if manifest.replacement is None:
        return
    for path in _hidden(dataset, manifest.replacement):
        path.unlink(missing_ok=True)
    write_manifest(dataset, replace(manifest, replacement=None))


def _hidden(dataset: Place, replacement: Replacement) -> list[Place]:
    if replacement.committed:
        return [dataset / name for name in replacement.shards]
    folders = [dataset / table.folder for table in TABLES.values()]
    written = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return [path for path in written if run_of_shard(path.name) == replacement.run]
