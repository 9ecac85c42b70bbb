"""DiffSynth-Studio, MiniMax-H3 Ref2VA: `metadata.json`, a list of rows.

Source: diffsynth 2.1.12, examples/minimax_h3/model_training/lora/MiniMax-H3-Ref2VA.sh @0e2ce5e. Columns `video`,
`prompt`, `input_audio`, `frame_rate`, `references` as a list of `{type, image}`; paths are joined to
`--dataset_base_path`. JSON, because its CSV reader gives `references` as text and its JSONL reader stops at a blank
line. `input_audio` must be a key of every row and names the video itself; clips without sound need
`--silent_on_missing_audio`. Frames are taken by their index as they stand in the file, and a count below `--num_frames`
is silently lowered, so that clips are cut at exactly 24 fps. Nothing here was trained.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.form import Row, Written, json_list
from exports.formats.folder import FolderFormat, file_of
from exports.formats.minimax_h3 import TARGET, h3_problems
from exports.target import Target


class DiffSynthH3(FolderFormat):
    """DiffSynth-Studio's H3 Ref2VA."""

    name: ClassVar[str] = "diffsynth-h3"
    summary: ClassVar[str] = "DiffSynth-Studio, MiniMax-H3 Ref2VA: metadata.json, up to 9 pictures a clip"
    target: ClassVar[Target] = replace(TARGET, groups_by_frames=True)

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """A row of the list."""
        del sample
        return {
            "video": clip.video.file.name,
            "prompt": clip.caption,
            "input_audio": clip.video.file.name,
            "frame_rate": 24,
            "references": [{"type": "image", "image": picture.file.name} for picture in clip.pictures],
        }

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """The model's rules."""
        del row
        yield from h3_problems(clip)

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """A list for each length, since `--num_frames` is one for all rows."""
        for group in written.groups:
            rows = (json.dumps(row, ensure_ascii=False) for row in written.rows(group.name))
            yield _rows_file(group.name), json_list(rows)

    def command(self, written: Written) -> str:
        """The first of the two stages, on the most common length."""
        group = max(written.groups, key=lambda each: each.clips)
        height, width = (side // 32 * 32 for side in group.size)
        silent = " --silent_on_missing_audio" if any(each.silent for each in written.groups) else ""
        base, rows = (shlex.quote(str(path)) for path in (written.output, written.output / _rows_file(group.name)))
        return (
            f"accelerate launch examples/minimax_h3/model_training/train.py --dataset_base_path {base} "
            f"--dataset_metadata_path {rows} "
            '--data_file_keys "video,input_audio,references" --extra_inputs "input_audio,references" '
            f'--height {height} --width {width} --num_frames {group.frames}{silent} --task "sft:data_process" ...'
        )


def _rows_file(group: str) -> str:
    return file_of(group, of_all="metadata.json", of_group="metadata-{}.json")
