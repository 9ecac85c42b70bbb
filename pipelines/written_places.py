"""Folders that a command will write: named by the marks of its fields, and tried before the command starts."""

import dataclasses
from types import MappingProxyType
from typing import Any, Final

from dataset_schema import is_dataset
from storage.address import Address, Place
from storage.configs import Marks
from storage.places import expect_folder_to_write

# Of a field that names a folder to write.
WRITES_FOLDER: Final[Marks] = MappingProxyType({"writes_folder": True})


def expect_writable(command: Any) -> None:
    """Refuse a command of which a marked field names a folder that cannot be written, or that lies in a dataset.

    Raises:
        ValueError: it does; the message begins with the flag.
    """
    for field in dataclasses.fields(command):
        folder = getattr(command, field.name)
        if folder is None or not WRITES_FOLDER.items() <= field.metadata.items():
            continue
        if (dataset := _dataset_above(folder)) is not None:
            raise ValueError(
                f"--{field.name} {folder} lies in the dataset {dataset}, whose files commands rewrite and delete; "
                "name a folder outside of it"
            )
        try:
            expect_folder_to_write(folder)
        except (OSError, ValueError) as error:
            advice = "" if isinstance(folder, Address) else "; choose another"  # what a store says has its own
            raise ValueError(f"--{field.name} {error}{advice}") from error


def _dataset_above(folder: Place) -> Place | None:
    above = folder.parents if isinstance(folder, Address) else folder.expanduser().resolve().parents
    return next((each for each in above if is_dataset(each)), None)
