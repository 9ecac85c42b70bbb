"""Videos with their captions and no pictures, in one folder that several trainers read.

`videos/ID.mp4` with `ID.txt` (diffusion-pipe @8f83dbf, whose directories are not searched below), `metadata.jsonl` with
`file_name`, `text` and `caption` (`datasets`' videofolder 5.2.0, finetrainers 0.2.0), `videos2caption.json` (FastVideo
@2f3d407, which needs `resolution`, `fps`, `num_frames` and `cap` as a list of one). diffusion-pipe skips what it cannot
read, FastVideo filters empty captions and stops at a missing key. Nothing here was trained.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.content import Content
from exports.form import Row, Written, json_list
from exports.formats.folder import FolderFormat
from exports.grids import FrameGrid
from exports.target import CaptionForm, Target


class Plain(FolderFormat):
    """Videos and captions."""

    name: ClassVar[str] = "plain"
    summary: ClassVar[str] = (
        "videos and captions without pictures: diffusion-pipe, FastVideo, finetrainers, videofolder"
    )
    target: ClassVar[Target] = Target(
        grid=FrameGrid(), uses_sound=True, least_references=0, most_references=0, forms=(CaptionForm.AS_WRITTEN,)
    )

    def more_files(self, clip: ExportedClip, sample: Sample, video: Content) -> Mapping[str, bytes]:
        """The caption, beside the video."""
        del sample, video
        return {f"videos/{clip.clip_id}.txt": clip.caption.encode()}

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """What both files of rows need."""
        del sample
        video = clip.video
        return {
            "path": f"{clip.clip_id}.mp4",
            "cap": [clip.caption],
            "resolution": {"height": video.height, "width": video.width},
            "fps": video.fps,
            "duration": video.duration_s,
            "num_frames": video.num_frames,
        }

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """What FastVideo filters."""
        if not row["cap"][0].strip():
            yield "its caption is empty"
        if row["fps"] <= 0 or row["num_frames"] < 1:
            yield f"it has {clip.video.num_frames} frames at {clip.video.fps} fps"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """The rows in both forms."""
        yield "videos2caption.json", json_list(json.dumps(row, ensure_ascii=False) for row in written.rows())
        yield "metadata.jsonl", (json.dumps(_named(row), ensure_ascii=False) for row in written.rows())

    def command(self, written: Written) -> str:
        """As each of them calls it."""
        return f"the directory is {written.output}/videos (diffusion-pipe), the data root {written.output} (others)"


def _named(row: Row) -> Row:
    return {"file_name": f"videos/{row['path']}", "text": row["cap"][0], "caption": row["cap"][0]}
