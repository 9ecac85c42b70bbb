"""Datasets in the layouts of others, written by what their own pages and readers say, not by ours."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

Mask = npt.NDArray[np.bool_]


def coco_text(mask: Mask) -> str:
    """COCO's compressed run lengths, by the rule of its API: columns first, six bits a character."""
    flat = [False, *mask.flatten(order="F").tolist(), None]
    changes = [at for at in range(1, len(flat)) if flat[at] != flat[at - 1]]
    runs = [later - earlier for earlier, later in zip([1, *changes], changes, strict=False)]
    text = ""
    for place, run in enumerate(runs):
        left = run - runs[place - 2] if place > 2 else run
        while True:
            bits, left = left & 31, left >> 5
            is_last = left == (-1 if bits & 16 else 0)
            text += chr((bits if is_last else bits | 32) + 48)
            if is_last:
                break
    return text


def box_of(mask: Mask) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]


@dataclass
class OpenS2VClip:
    """A clip of OpenS2V-5M; `masks` are (class, mask) on frame `frame` of the file."""

    path: str
    caption: str
    num_frames: int
    size: tuple[int, int]
    masks: Sequence[tuple[str, Mask]]
    tags: Mapping[str, Sequence[str]]
    first: int = 0
    fps: float = 24.0
    frame: int | None = None
    crop: tuple[int, int, int, int] | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        height, width = self.size
        frame = self.first if self.frame is None else self.frame
        metadata = {
            "path": self.path,
            "cut": [self.first, self.first + self.num_frames],
            "face_cut": [self.first, self.first + self.num_frames],
            "crop": list(self.crop or (0, width, 0, height)),
            "fps": self.fps,
            "num_frames": self.num_frames,
            "resolution": {"height": height, "width": width},
            "cap": ["Something else is said here."],
            "face_cap_qwen": self.caption,
            "aesthetic": 5.1,
            "motion": 3.2,
            "tech": 0.1,
            **self.more,
        }
        masks = {
            str(number): {"size": list(mask.shape), "counts": coco_text(mask), "score": [0.97]}
            for number, (_, mask) in enumerate(self.masks, start=1)
        }
        annotations = [
            {"class_name": name, "bbox": box_of(mask), "gme_score": 0.5, "aes_score": 5.0} for name, mask in self.masks
        ]
        return {
            "metadata": metadata,
            "word_tags": {**{kind: list(words) for kind, words in self.tags.items()}, "pre_define": ["human head"]},
            "annotation": {
                "ann_frame_data": {
                    "ann_frame_idx": frame,
                    "annotations": annotations,
                    "box_format": "xyxy",
                    "img_width": width,
                    "img_height": height,
                },
                "mask_map": {str(n): {"class_name": name} for n, (name, _) in enumerate(self.masks, start=1)},
                "mask_annotation": {str(frame): masks},
            },
        }


def write_opens2v(file: Path, clips: Mapping[str, OpenS2VClip | dict[str, Any]]) -> Path:
    content = {key: clip.to_json() if isinstance(clip, OpenS2VClip) else clip for key, clip in clips.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def write_msrvtt_clip(
    folder: Path,
    *,
    video: Path,
    caption: str,
    tags: Mapping[str, Sequence[str]],
    frames: Sequence[npt.NDArray[np.uint8]],
    masks: Mapping[str, Sequence[tuple[int, Mask]]],
    faces: Mapping[str, Sequence[tuple[int, Mask]]] | None = None,
    background: npt.NDArray[np.uint8] | None = None,
) -> Path:
    """A clip of MSRVTT-Personalization: frames as JPEG, cut-outs of those JPEGs, colors kept below alpha.

    `masks` and `faces` are (number of the frame, mask over it).
    """
    folder.mkdir(parents=True)
    (folder / "video.mp4").write_bytes(video.read_bytes())
    (folder / "summary_text.txt").write_text(caption)
    (folder / "word_tags.json").write_text(json.dumps({**tags, "subject_with_face": sorted(faces or {})}))
    shown = {}
    for number, frame in enumerate(frames, start=1):
        PillowImage.fromarray(frame).save(folder / f"frame{number}.jpg", format="JPEG")
        shown[number] = np.array(PillowImage.open(folder / f"frame{number}.jpg").convert("RGBA"))
    for middle, some in (("", masks), (".face", faces or {})):
        for word, on_frames in some.items():
            for number, mask in on_frames:
                x0, y0, x1, y1 = map(int, box_of(mask))
                cutout = shown[number][y0:y1, x0:x1].copy()
                cutout[..., 3] *= mask[y0:y1, x0:x1]
                name = word.replace(" ", "_").replace("/", "_")
                PillowImage.fromarray(cutout).save(folder / f"{name}{middle}.frame{number}.png")
    if background is not None:
        PillowImage.fromarray(background).save(folder / "background.jpg", format="JPEG")
    return folder
