"""Where a dataset lies: the directory that holds `dataset.json` and the tables, and none of its parts."""

from dataset_schema.replacement import MANIFEST_NAME
from storage.address import Place, path_below
from storage.places import place_of

_EXPECTED = "expected the output directory of a curation run"


def expect_directory(dataset: Place) -> None:
    """Refuse what cannot be a dataset.

    Raises:
        FileNotFoundError: there is nothing, or a folder of datasets; the message names one.
        NotADirectoryError: it is a file, or a part of a dataset; the message names the dataset meant.
        ValueError: it is no path of this machine.
    """
    place_of(dataset)
    for whole in dataset.absolute().parents[:2]:
        if (whole / MANIFEST_NAME).is_file() and _is_part(dataset.absolute(), whole):
            raise NotADirectoryError(f"{dataset} is a part of the dataset {whole}; give that directory")
    if dataset.is_file():
        raise NotADirectoryError(f"dataset {dataset} is a file, {_EXPECTED}")
    if not dataset.exists():
        raise FileNotFoundError(f"dataset {dataset} does not exist; {_EXPECTED}")
    if not (dataset / MANIFEST_NAME).is_file():
        from dataset_schema.shard import expect_no_datasets_below  # only here: Arrow comes with it

        expect_no_datasets_below(dataset)


def _is_part(path: Place, dataset: Place) -> bool:
    from dataset_schema.shard import INDEX_FOLDER, TABLES  # only here: Arrow comes with it

    first = path_below(path, dataset).parts[0]
    return first in {MANIFEST_NAME, INDEX_FOLDER, *(table.folder for table in TABLES.values())}
