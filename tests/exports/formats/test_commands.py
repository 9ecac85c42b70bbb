"""What a format says comes next can be pasted into a shell, wherever the export lies."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exports.form import Group, Row
from exports.formats.every_format import FORMATS, FormatName

OUTPUT = Path("/my exports/it's")


@dataclass(frozen=True, slots=True)
class WrittenThere:
    """Of an export nothing but its place and its groups."""

    output: Path
    groups: tuple[Group, ...]

    def rows(self, group: str | None = None) -> Iterator[Row]:
        raise AssertionError("a command needs no rows")


@pytest.mark.parametrize(
    "name", ["musubi", "diffsynth-h3", "diffsynth-vace", "diffsynth-fun", "ltx2", "ltx2-numbered", "videox-fun"]
)
def test_a_trainer_gets_its_paths_whole(name: str) -> None:
    group = Group(name="", frames=49, size=(256, 448), references=1, clips=3, silent=1)

    command = FORMATS[FormatName(name)].command(WrittenThere(OUTPUT, (group,)))

    paths = [word for word in shlex.split(command) if "exports" in word]
    assert paths
    assert all(path == str(OUTPUT) or path.startswith(f"{OUTPUT}/") for path in paths)


def test_label_studio_serves_the_whole_path() -> None:
    command = FORMATS[FormatName.LABEL_STUDIO].command(WrittenThere(OUTPUT, ()))

    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={OUTPUT}" in shlex.split(command.partition("#")[0])
