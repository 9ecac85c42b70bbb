"""ai-toolkit, MiniMax-H3 Ref2VA: parallel folders, `videos/ID.mp4` with `ID.txt`, `ref1/ID.png`, `ref2/ID.png`.

Source: ai-toolkit @27a03a9, extensions_built_in/diffusion_models/minimax_h3. Pictures are numbered by the order of the
folders, and one that is missing moves all later ones up silently; a batch needs equal counts: so clips with the same
number of pictures share a set of folders. `shrink_video_to_frames`, which squeezes a whole clip into its frames, is on
unless the YAML says otherwise, and so is black below transparency. A missing caption is an empty one. `[trigger]` in a
caption is replaced. Nothing here was trained.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.content import Content
from exports.form import Group, Row, Written
from exports.formats.folder import FolderFormat
from exports.formats.minimax_h3 import TARGET, h3_problems
from exports.target import CaptionForm, Target


class AiToolkit(FolderFormat):
    """ai-toolkit's H3 Ref2VA."""

    name: ClassVar[str] = "ai-toolkit"
    summary: ClassVar[str] = "ai-toolkit, MiniMax-H3 Ref2VA: parallel folders, up to 9 pictures a clip"
    # Lines of a caption file are read as one: sections do no harm, and the plain form reads the same everywhere.
    target: ClassVar[Target] = replace(
        TARGET,
        groups_by_frames=True,
        groups_by_references=True,
        forms=(CaptionForm.PICTURES, CaptionForm.SECTIONS, CaptionForm.AS_WRITTEN),
    )

    def video_name(self, clip_id: str, group: str) -> str:
        """In the group's folder of videos."""
        return f"{group}/videos/{clip_id}.mp4"

    def picture_name(self, clip_id: str, group: str, number: int) -> str:
        """Of the same stem as the video, in the folder of its number."""
        return f"{group}/ref{number}/{clip_id}.png"

    def more_files(self, clip: ExportedClip, sample: Sample, video: Content) -> Mapping[str, bytes]:
        """The caption, beside the video."""
        del sample, video
        return {f"{clip.group}/videos/{clip.clip_id}.txt": clip.caption.encode()}

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """The stem says all."""
        del sample
        return {"stem": clip.clip_id, "references": len(clip.pictures), "caption": clip.caption}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """The model's rules, and what the reader replaces in captions."""
        yield from h3_problems(clip)
        if "[trigger]" in row["caption"] or "[name]" in row["caption"]:
            yield "its caption has [trigger] or [name], which the reader replaces"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """The part of the trainer's YAML that names the folders."""
        yield "datasets.yaml", _yaml(written)

    def command(self, written: Written) -> str:
        """The YAML is a part of the user's."""
        return f"put the list in {written.output}/datasets.yaml into your config's process, then: python run.py CONFIG"


def _yaml(written: Written) -> Iterator[str]:
    yield "datasets:"
    for group in written.groups:
        folder = f"{written.output}/{group.name}"
        yield f"  - folder_path: {json.dumps(f'{folder}/videos')}"
        yield "    control_path:"
        yield from (f"      - {json.dumps(path)}" for path in _reference_folders(folder, group))
        yield "    control_transparent_color: [255, 255, 255]"
        yield "    caption_ext: txt"
        yield f"    num_frames: {group.frames}"
        yield "    fps: 24"
        yield "    shrink_video_to_frames: false"
        yield "    shuffle_tokens: false"


def _reference_folders(folder: str, group: Group) -> list[str]:
    return [f"{folder}/ref{number}" for number in range(1, group.references + 1)]
