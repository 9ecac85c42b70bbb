"""VideoX-Fun, Wan 2.1 VACE and Wan 2.2 VACE-Fun with up to four subjects: `metadata.json`.

Source: videox_fun/data/dataset_image_video.py @804a425. `file_path`, `text`, `type`, `control_file_path` (the key is
needed, null gives none), `object_file_path` as a list, which is joined to no folder: absolute paths. Pictures are drawn
by chance, shuffled, and mirrored half of the time, so that order, tags and binding are lost, and writing on clothes is
reversed. They are pasted without a mask: RGB on white. No pace is looked at, so that clips are cut at Wan's 16 fps. A
row that cannot be read is printed and another is drawn. Nothing here was trained.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import ClassVar

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.form import Row, Written, json_list
from exports.formats.folder import FolderFormat
from exports.formats.wan import DIVISOR, GRID, wan_problems
from exports.target import CaptionForm, PictureNeeds, Target

_MOST_PICTURES = 4


class VideoXFun(FolderFormat):
    """VideoX-Fun's subject references."""

    name: ClassVar[str] = "videox-fun"
    summary: ClassVar[str] = "VideoX-Fun, Wan VACE: metadata.json, up to 4 pictures without binding, 16 fps"
    target: ClassVar[Target] = Target(
        grid=GRID,
        divisor=DIVISOR,
        most_references=_MOST_PICTURES,
        forms=(CaptionForm.AS_WRITTEN,),
        pictures=PictureNeeds(most_aspect=4.0),
    )

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """A row of the list; its paths become absolute when the list is written."""
        del sample
        return {
            "file_path": clip.video.file.name,
            "text": clip.caption,
            "type": "video",
            "control_file_path": None,
            "width": clip.video.width,
            "height": clip.video.height,
            "object_file_path": [picture.file.name for picture in clip.pictures],
        }

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """What its reader would replace by another row without saying so."""
        if not 1 <= len(row["object_file_path"]) <= _MOST_PICTURES:
            yield f"it has {len(row['object_file_path'])} pictures, expected 1 to {_MOST_PICTURES}"
        yield from wan_problems(clip)

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """The list."""
        rows = (
            {**row, "object_file_path": [f"{written.output}/{name}" for name in row["object_file_path"]]}
            for row in written.rows()
        )
        yield "metadata.json", json_list(json.dumps(row, ensure_ascii=False) for row in rows)

    def command(self, written: Written) -> str:
        """Training."""
        frames = max(group.frames for group in written.groups)
        data, rows = (shlex.quote(str(path)) for path in (written.output, written.output / "metadata.json"))
        return (
            f"accelerate launch scripts/wan2.1_vace/train.py --train_data_dir {data} "
            f"--train_data_meta {rows} --video_sample_n_frames {frames} ..."
        )
