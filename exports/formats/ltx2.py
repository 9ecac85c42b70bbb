"""LTX-2's trainer: a list of rows in JSON, with one reference picture, or with numbered ones as a pull request reads.

Source: packages/ltx-trainer/docs/dataset-preparation.md @94a2c9a: columns `video`, `caption`, `reference_video`, which
the trainer finds in the first row, so that every row has all of them; 8 n + 1 frames of any pace, the first ones are
taken; sides are scaled to cover a bucket and cropped. A missing file stops the run, a clip shorter than every bucket is
dropped with a warning. A still is put into a bucket of one frame, so one of its size stands in the command. Several
pictures, `reference_video_0` on, are pull request 289 (page @4e277dd, open when it was read), which wants the same
number in every row and `<Image k>` declared in the caption. Nothing here was trained.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, Final

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.form import Group, Row, Written, json_list
from exports.formats.folder import FolderFormat, file_of
from exports.grids import FrameGrid
from exports.target import CaptionForm, PictureNeeds, Target

LTX_GRID: Final = FrameGrid(step=8, offset=1, least=9, most=257)
_DIVISOR: Final = 32
_MOST_NUMBERED: Final = 4  # Our choice: each is a stream of its own in the trainer's YAML, and in memory.


class Ltx2(FolderFormat):
    """The trainer's main branch: one picture."""

    name: ClassVar[str] = "ltx2"
    summary: ClassVar[str] = "LTX-2's trainer: dataset.json, one picture a clip"
    target: ClassVar[Target] = Target(
        grid=LTX_GRID,
        divisor=_DIVISOR,
        uses_sound=True,
        most_references=1,
        forms=(CaptionForm.AS_WRITTEN,),
        pictures=PictureNeeds(has_aspect_of_clip=True),
    )

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """A row of the list."""
        del sample
        pictures = self._columns([picture.file.name for picture in clip.pictures])
        return {"video": clip.video.file.name, "caption": clip.caption, **pictures}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """Every column has a value, and the clip fills a bucket."""
        if empty := [name for name, value in row.items() if not str(value).strip()]:
            yield f"its {empty[0]} is empty"
        if clip.video.frames not in LTX_GRID:
            yield f"it has {clip.video.frames} frames, expected {LTX_GRID}"
        if min(clip.video.height, clip.video.width) < _DIVISOR:
            yield f"its video is {clip.video.width}x{clip.video.height} pixels, expected at least {_DIVISOR} on a side"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """A list for each number of pictures."""
        for group in written.groups:
            rows = (json.dumps(row, ensure_ascii=False) for row in written.rows(group.name))
            yield _rows_file(group.name), json_list(rows)

    def command(self, written: Written) -> str:
        """Preprocessing, with buckets of the most common size."""
        group = max(written.groups, key=lambda each: each.clips)
        rows = shlex.quote(str(written.output / _rows_file(group.name)))
        return (
            f"uv run python scripts/process_dataset.py {rows} "
            f'--resolution-buckets "{_buckets(group)}" --model-path CHECKPOINT --text-encoder-path TEXT_ENCODER'
        )

    def _columns(self, names: list[str]) -> Row:
        return {"reference_video": names[0]}


class Ltx2Numbered(Ltx2):
    """Pull request 289: several pictures, each with a column."""

    name: ClassVar[str] = "ltx2-numbered"
    summary: ClassVar[str] = "LTX-2's trainer with pull request 289: dataset.json, up to 4 pictures, <Image k>"
    target: ClassVar[Target] = replace(
        Ltx2.target,
        most_references=_MOST_NUMBERED,
        forms=(CaptionForm.IMAGES, CaptionForm.AS_WRITTEN),
        groups_by_references=True,
    )

    def _columns(self, names: list[str]) -> Row:
        return {f"reference_video_{number}": name for number, name in enumerate(names)}


def _buckets(group: Group) -> str:
    height, width = (max(_DIVISOR, side // _DIVISOR * _DIVISOR) for side in group.size)
    return f"{width}x{height}x{group.frames};{width}x{height}x1"


def _rows_file(group: str) -> str:
    return file_of(group, of_all="dataset.json", of_group="dataset-{}.json")
