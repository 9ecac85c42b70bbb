"""What may still hold something that a dataset forgot, and is not in it: found where it lies beside the dataset."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dataset_schema import DatasetManifest, is_dataset, read_manifest
from exports.forgetting import ExportedEntry, exported_from, find_exported, is_export
from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A dataset or an export that was made of the dataset.

    Attributes:
        clips: of it that are meant; None where it was not looked into.
    """

    place: Path
    what: str
    clips: int | None


def made_beside(
    dataset: Place, dataset_id: str, is_meant: Callable[[ExportedEntry], bool], *, named: Collection[Place]
) -> Iterator[Beside]:
    """What lies in the folder of the dataset, was made of it, and is not named; in a store nothing is looked for."""
    if not isinstance(dataset, Path):
        return
    whole = dataset.absolute()
    passed_over = {whole, *(each.absolute() for each in named)}
    for folder in sorted(each for each in whole.parent.iterdir() if each.is_dir() and each not in passed_over):
        if is_export(folder) and exported_from(folder)[1] == dataset_id:
            if found := find_exported(folder, is_meant):
                yield Beside(place=folder, what="export", clips=len(found))
        elif is_dataset(folder) and str(whole) in _made_of(read_manifest(folder)):
            yield Beside(place=folder, what="dataset", clips=None)


def _made_of(manifest: DatasetManifest) -> set[str]:
    named = (*(each.dataset for each in manifest.selections), *(each.dataset for each in manifest.merged_from))
    return {str(Path(name).absolute()) for name in named if "://" not in name}
