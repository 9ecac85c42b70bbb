"""Places that a command will write: named by the marks of its fields, and tried before the command starts."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from storage.configs import Marks
from storage.places import expect_file_to_write, expect_folder_to_write

_MARK: Final = "expect_writable"

# Of a field that names a folder, or a file, to write.
WRITES_FOLDER: Final[Marks] = MappingProxyType({_MARK: expect_folder_to_write})
WRITES_FILE: Final[Marks] = MappingProxyType({_MARK: expect_file_to_write})


def expect_writable(command: Any) -> None:
    """Refuse a command of which a marked field names a place that cannot be written.

    Raises:
        ValueError: it does; the message begins with the flag.
    """
    for field in dataclasses.fields(command):
        expect: Callable[[Path], None] | None = field.metadata.get(_MARK)
        place = getattr(command, field.name)
        if expect is None or place is None:
            continue
        try:
            expect(place)
        except (OSError, ValueError) as error:
            raise ValueError(f"--{field.name} {error}; choose another") from error
