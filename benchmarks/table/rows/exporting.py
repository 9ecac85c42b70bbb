"""A dataset in another form where nothing is encoded, against copying the files that come out."""

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.export import export_all, large_clip, write_clips
from benchmarks.table.row import Goal, Inputs, Measure, Row, Side, ours
from benchmarks.table.timed import Work
from exports.formats.every_format import FormatName

_CLIPS: Final = 200
_CLIP_BYTES: Final = 2_000_000


def export(dataset: str, output: str, form: str) -> Work:
    """The whole command's work, until the disk has everything."""
    os.sync()

    def work() -> str:
        export_all(Path(dataset), Path(output), FormatName(form))
        os.sync()
        return f"{_size_bytes(output) / 1e6:.0f} MB"

    return work


def copy(folder: str, output: str) -> Work:
    """Python's copy of a tree, by which the kernel copies as `cp` does, until the disk has everything."""
    os.sync()

    def work() -> str:
        shutil.copytree(folder, output)
        os.sync()
        return f"{_size_bytes(output) / 1e6:.0f} MB"

    return work


def rows(inputs: Inputs) -> Iterator[Row]:
    """One, where pictures keep their bytes too."""
    dataset, exported = inputs.scratch / "dataset", inputs.scratch / "exported-{run}"
    whole_sources = partial(large_clip, size_bytes=_CLIP_BYTES, is_hashed=True)
    write_clips(dataset, whole_sources, clips=inputs.some(_CLIPS))
    export_all(dataset, inputs.scratch / "first", FormatName.PLAIN)
    yield Row(
        what="exported as plain files",
        on=f"{inputs.some(_CLIPS)} clips of {_CLIP_BYTES / 1e6:.0f} MB, whole sources",
        ours=Side(name="ours", command=ours("exporting:export", dataset, exported, FormatName.PLAIN)),
        others=(
            Side(
                name="floor: a copy of the files that come out",
                command=ours("exporting:copy", inputs.scratch / "first", inputs.scratch / "copied-{run}"),
                goal=Goal(most=2.0, of=Measure.CLOCK_RATIO),
            ),
        ),
    )


def _size_bytes(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
