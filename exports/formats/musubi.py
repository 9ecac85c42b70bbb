"""musubi-tuner, MiniMax-H3 Ref2VA: rows in JSONL, and a TOML that names them.

Source: docs/minimax_h3.md @0678233, dataset/datasources.py @00bd97a. `video_path`, `caption`, `references` as a list of
`{type, path}` in order; paths are relative to the JSONL. A missing file, a wrong type or a row over the limits stops
the run; a clip that is shorter than `target_frames` silently gives no item, so that clips of one length share a file.
Sound is looked for in the video, and one that is more than 25 ms shorter stops the run. Frames are sampled at 24 fps by
their times, so that a video of any pace is copied. Nothing here was trained.
"""

import json
import math
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, Final

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.form import Group, Row, Written
from exports.formats.folder import FolderFormat, file_of
from exports.formats.minimax_h3 import DIVISOR, RESAMPLED, h3_problems
from exports.target import Target

_WIDE: Final = 16 / 9


class Musubi(FolderFormat):
    """musubi-tuner's H3 Ref2VA."""

    name: ClassVar[str] = "musubi"
    summary: ClassVar[str] = "musubi-tuner, MiniMax-H3 Ref2VA: JSONL and TOML, up to 9 pictures a clip"
    target: ClassVar[Target] = replace(RESAMPLED, needs_whole_sound=True, groups_by_frames=True)

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """A line of the JSONL."""
        del sample
        references = [{"type": "image", "path": picture.file.name} for picture in clip.pictures]
        return {"video_path": clip.video.file.name, "caption": clip.caption, "references": references}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """The model's rules; a clip must reach its file's `target_frames` at 24 fps."""
        yield from h3_problems(clip)
        if not row["caption"].strip():
            yield "its caption is empty"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """`dataset.toml`, and a JSONL for each length."""
        for group in written.groups:
            yield _rows_file(group), (json.dumps(row, ensure_ascii=False) for row in written.rows(group.name))
        yield "dataset.toml", _toml(written)

    def command(self, written: Written) -> str:
        """Caching comes first."""
        config = shlex.quote(str(written.output / "dataset.toml"))
        return (
            f"python minimax_h3_cache_latents.py --dataset_config {config} --task ref2va "
            "--video_vae VIDEO_VAE --audio_vae AUDIO_VAE"
        )


def _rows_file(group: Group) -> str:
    return file_of(group.name, of_all="train.jsonl", of_group="train-{}.jsonl")


def _toml(written: Written) -> Iterator[str]:
    height, width = max(group.size for group in written.groups)
    yield "# Clips keep their own aspect (buckets) at the area of this resolution; lower it if memory is short."
    yield "[general]"
    yield f"resolution = [{', '.join(map(str, _resolution(height * width)))}]"
    yield "batch_size = 1"
    yield "enable_bucket = true"
    yield "bucket_no_upscale = true"
    for group in written.groups:
        yield ""
        yield "[[datasets]]"
        yield f"video_jsonl_file = {json.dumps(f'{written.output}/{_rows_file(group)}')}"
        yield f"cache_directory = {json.dumps(f'{written.output}/cache/{group.name}')}"
        yield f"target_frames = [{group.frames}]"
        yield 'frame_extraction = "head"'


def _resolution(pixels: int) -> tuple[int, int]:
    """Width and height of a wide frame of so many pixels, as multiples of 32."""
    height = max(DIVISOR, int(math.sqrt(pixels / _WIDE)) // DIVISOR * DIVISOR)
    return max(DIVISOR, int(height * _WIDE) // DIVISOR * DIVISOR), height
