"""DiffSynth-Studio, Wan 2.1 VACE and Wan-Fun Control with one reference picture: `metadata.json`.

Source: diffsynth 2.1.12, examples/wanvideo/model_training/lora/Wan2.1-VACE-14B.sh @860f545 and
Wan2.1-Fun-V1.1-1.3B-Control.sh @8badd63. One picture a clip (a list is refused), no binding. Its reader never looks at
the pace of a file: clips are cut at Wan's 16 fps, or they would play too slowly. It scales the picture to cover the
frame and crops it: pictures are padded to the clip's aspect. Nothing here was trained.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.form import Row, Written, json_list
from exports.formats.folder import FolderFormat, file_of
from exports.formats.wan import DIVISOR, GRID, wan_problems
from exports.target import CaptionForm, PictureNeeds, Target

_TARGET: Final = Target(
    grid=GRID,
    divisor=DIVISOR,
    most_references=1,
    forms=(CaptionForm.AS_WRITTEN,),
    pictures=PictureNeeds(has_aspect_of_clip=True),
    groups_by_frames=True,
)


class DiffSynthVace(FolderFormat):
    """Wan 2.1 VACE: the picture stands in `vace_reference_image`."""

    name: ClassVar[str] = "diffsynth-vace"
    summary: ClassVar[str] = "DiffSynth-Studio, Wan 2.1 VACE: metadata.json, one picture a clip, 16 fps"
    target: ClassVar[Target] = _TARGET
    column: ClassVar[str] = "vace_reference_image"

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """A row of the list."""
        del sample
        return {"video": clip.video.file.name, "prompt": clip.caption, self.column: clip.pictures[0].file.name}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """One picture, and the pace that the model was trained at."""
        del row
        if len(clip.pictures) != 1:
            yield f"it has {len(clip.pictures)} pictures, expected one"
        yield from wan_problems(clip)

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """A list for each length, since `--num_frames` is one for all rows."""
        for group in written.groups:
            rows = (json.dumps(row, ensure_ascii=False) for row in written.rows(group.name))
            yield _rows_file(group.name), json_list(rows)

    def command(self, written: Written) -> str:
        """Training on the most common length."""
        group = max(written.groups, key=lambda each: each.clips)
        height, width = (side // DIVISOR * DIVISOR for side in group.size)
        base, rows = (shlex.quote(str(path)) for path in (written.output, written.output / _rows_file(group.name)))
        return (
            f"accelerate launch examples/wanvideo/model_training/train.py --dataset_base_path {base} "
            f"--dataset_metadata_path {rows} "
            f'--data_file_keys "video,{self.column}" --extra_inputs "{self.column}" '
            f"--height {height} --width {width} --num_frames {group.frames} ..."
        )


class DiffSynthFun(DiffSynthVace):
    """Wan-Fun Control: the picture stands in `reference_image`."""

    name: ClassVar[str] = "diffsynth-fun"
    summary: ClassVar[str] = "DiffSynth-Studio, Wan-Fun Control: metadata.json, one picture a clip, 16 fps"
    column: ClassVar[str] = "reference_image"


def _rows_file(group: str) -> str:
    return file_of(group, of_all="metadata.json", of_group="metadata-{}.json")
