"""OpenS2V-5M: a JSON of clips with the words, boxes and masks of one frame, for loaders written for that dataset.

Source: PKU-YuanGroup/OpenS2V-Nexus, data_process/README.md @21bd279, step5-2_subject_image.py and
demo_result/step5/merge_final_json/dataset1.json @45ec273. One object, its keys are clips. `crop` is x0, x1, y0, y1,
`bbox` is x0, y0, x1, y1 in the cropped frame; `ann_frame_idx` counts the frames of the file, `cut` and `face_cut` too;
masks are numbered from 1 in the order of `annotations`, as letters. Loaders cut the references out of that frame, on
white, and open `Background/ID.png`; a clip without masks gives them nothing and is refused. They filter by aesthetics,
which nobody here measures: a score of one's own named `aesthetic` stands there, and without it 0, so that their filter
has to be off. How well a picture fits its word (`gme_score`) is here how sure the detector was. Nothing was trained.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Final

import numpy as np

from dataset_schema import EntityKind, Sample
from exports.clip import ExportedClip
from exports.content import Content
from exports.form import Row, Written, json_members
from exports.formats.folder import FolderFormat
from exports.grids import FrameGrid
from exports.placing import PlacedPicture, mask_of, placed_pictures
from exports.target import Target
from picture_reading.run_lengths import as_letters, run_lengths

_JSON: Final = "Jsons/total_part1.json"
_AESTHETIC: Final = "aesthetic"


class OpenS2V(FolderFormat):
    """Videos, backgrounds and the JSON."""

    name: ClassVar[str] = "opens2v"
    summary: ClassVar[str] = "OpenS2V-5M: JSON with words, boxes and masks of one frame, for its loaders"
    target: ClassVar[Target] = Target(
        grid=FrameGrid(), uses_sound=True, least_references=0, most_references=0, takes_masks=True
    )

    def more_files(self, clip: ExportedClip, sample: Sample, video: Content) -> Mapping[str, bytes]:
        """The background."""
        del video
        content = sample.background.image.bytes if sample.background is not None else None
        return {} if content is None else {f"Background/{clip.clip_id}.png": content}

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """What is known without looking at masks."""
        video = clip.video
        span = [0, video.num_frames]
        aesthetic = _aesthetic(sample)
        words = {
            kind: [entity.word for entity in sample.entities if entity.kind is kind] for kind in reversed(EntityKind)
        }
        return {
            "clip_id": clip.clip_id,
            "frames": sorted({placed.frame for placed in placed_pictures(clip, sample)}),
            "metadata": {
                "path": video.file.name,
                "cut": span,
                "crop": [0, video.width, 0, video.height],
                "face_cut": span,
                "fps": video.fps,
                "num_frames": video.num_frames,
                "resolution": {"height": video.height, "width": video.width},
                "cap": [clip.caption],
                "face_cap_qwen": clip.caption,
                "aesthetic": aesthetic,
            },
            "word_tags": {**words, "pre_define": []},
        }

    def details(self, clip: ExportedClip, sample: Sample) -> Row:
        """The annotation of the frame that shows most entities, and of several the first."""
        placed = placed_pictures(clip, sample)
        shown = Counter(each.frame for each in placed)
        frame = min(shown, key=lambda number: (-shown[number], number))
        return {"annotation": _annotation([each for each in placed if each.frame == frame], clip, sample)}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """A clip without references."""
        del clip
        if not row["frames"]:
            yield "no picture of it was cut out of a frame that it shows"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """The JSON."""
        kept = ("metadata", "word_tags", "annotation")
        texts = (
            (row["clip_id"], json.dumps({name: row[name] for name in kept}, ensure_ascii=False))
            for row in written.rows()
        )
        yield _JSON, json_members(texts)

    def command(self, written: Written) -> str:
        """What a loader is told."""
        return (
            f"give a loader of OpenS2V-5M {written.output}/{_JSON}, {written.output} for its videos and "
            f"{written.output}/Background"
        )


def _annotation(placed: list[PlacedPicture], clip: ExportedClip, sample: Sample) -> Row:
    height, width = clip.video.height, clip.video.width
    found = [(each, mask) for each in placed if (mask := mask_of(each, (height, width))).any()]
    names = {str(number): each.entity.word for number, (each, _) in enumerate(found, start=1)}
    aesthetic = _aesthetic(sample)
    return {
        "ann_frame_data": {
            "ann_frame_idx": placed[0].frame,
            "annotations": [
                {
                    "class_name": each.entity.word,
                    "bbox": _box(mask),
                    "gme_score": each.reference.detection_score or 0.0,
                    "aes_score": aesthetic,
                }
                for each, mask in found
            ],
            "box_format": "xyxy",
            "img_width": width,
            "img_height": height,
            "foreground_ase_score": aesthetic,
            "background_ase_score": aesthetic,
        },
        "mask_map": {number: {"class_name": word} for number, word in names.items()},
        "mask_annotation": {
            str(placed[0].frame): {
                str(number): {
                    "size": [height, width],
                    "counts": as_letters(run_lengths(mask)),
                    "score": [each.reference.mask_score],
                }
                for number, (each, mask) in enumerate(found, start=1)
            }
        },
    }


def _box(mask: np.ndarray) -> list[float]:
    across, down = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return [float(across[0]), float(down[0]), float(across[-1] + 1), float(down[-1] + 1)]


def _aesthetic(sample: Sample) -> float:
    return sample.scores.more.get(_AESTHETIC, 0.0)
