"""The sprite world as files: videos, a manifest that curation reads, and the truth about every frame."""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from dataset_schema import Box, EntityKind
from storage.text_files import read_text
from worlds.arrays import Labels, Mask, Video
from worlds.sprites.clip_plan import ClipKind, ClipPlan, SpriteWorldConfig, Word, plan_clip
from worlds.sprites.render import RenderedShot, render_shot
from worlds.sprites.small_world import SmallWorldConfig, plan_in_small_world
from worlds.sprites.states import State

# Our choice: nearly lossless, so that textures survive; about 120 kB for two seconds at 160 x 288. Without `mbtree`,
# because with it x264 writes slightly different files from the same frames now and then.
_ENCODER_OPTIONS: Final = {"crf": "16", "preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
# Its number in ITU-T H.273.
_SMPTE170M: Final = 6

_KEPT_SHARE_OF_DAMAGED_FILE: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectTruth:
    """One subject of a clip.

    Attributes:
        boxes: of what is visible, one per frame of the clip; None where nothing is.
        state: where states change; a subject then comes once for every state, one after another.
    """

    word: str
    kind: EntityKind
    texture: dict[str, Any]
    boxes: tuple[Box | None, ...]
    state: State = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTruth:
    """Everything that is true of a clip.

    Attributes:
        shot_starts: first frame of every shot.
        masks: the file of the labels, beside this one.
    """

    kind: ClipKind
    caption: str
    words: tuple[Word, ...]
    shot_starts: tuple[int, ...]
    subjects: tuple[SubjectTruth, ...]
    masks: Path

    def labels(self) -> Labels:
        """(frames, height, width): 0 where no subject is visible, i + 1 where `subjects[i]` is."""
        with np.load(self.masks) as file:
            return np.asarray(file["labels"], np.uint8)


def make_world(
    output: Path, config: SpriteWorldConfig | SmallWorldConfig, on_clip: Callable[[], object] = lambda: None
) -> Path:
    """Write a world: `manifest.csv` (video, caption, truth), `videos/`, `truth/` and `world.json`.

    Returns the manifest; `on_clip` is called after every clip, to show progress.
    """
    (output / "videos").mkdir(parents=True, exist_ok=True)
    (output / "truth").mkdir(exist_ok=True)
    (output / "world.json").write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")
    manifest = output / "manifest.csv"
    with manifest.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, ("video", "caption", "truth"))
        rows.writeheader()
        for index in range(config.clips):
            plan = (
                plan_clip(config, index)
                if isinstance(config, SpriteWorldConfig)
                else plan_in_small_world(config, index)
            )
            video, truth = f"videos/{index:04d}.mp4", f"truth/{index:04d}.json"
            _write_clip(plan, config, output / video, output / truth)
            rows.writerow({"video": video, "caption": plan.caption, "truth": truth})
            on_clip()
    return manifest


def read_truth(path: Path) -> ClipTruth:
    """Read one of the JSON files that the manifest's column `truth` names."""
    content = json.loads(read_text(path))
    return ClipTruth(
        kind=ClipKind(content["kind"]),
        caption=content["caption"],
        words=tuple(Word(word=word["word"], kind=EntityKind(word["kind"])) for word in content["words"]),
        shot_starts=tuple(content["shot_starts"]),
        subjects=tuple(_read_subject(subject) for subject in content["subjects"]),
        masks=path.parent / content["masks"],
    )


def _read_subject(content: dict[str, Any]) -> SubjectTruth:
    boxes = tuple(None if box is None else Box(**box) for box in content["boxes"])
    return SubjectTruth(
        word=content["word"],
        kind=EntityKind(content["kind"]),
        texture=content["texture"],
        boxes=boxes,
        state=tuple(content.get("state", ())),
    )


def _write_clip(plan: ClipPlan, config: SpriteWorldConfig | SmallWorldConfig, video: Path, truth: Path) -> None:
    if plan.kind == ClipKind.NOT_A_VIDEO:
        video.write_text("This file is a note about a video, not a video.\n" * 20, encoding="utf-8")
        rendered: list[RenderedShot] = []
    else:
        rendered = [render_shot(shot, height=config.height, width=config.width) for shot in plan.shots]
        write_video(video, np.concatenate([each.video for each in rendered]), config.fps)
    if plan.kind == ClipKind.DAMAGED:
        whole = video.read_bytes()
        video.write_bytes(whole[: int(len(whole) * _KEPT_SHARE_OF_DAMAGED_FILE)])
    _write_truth(plan, rendered, truth)


def write_video(path: Path, frames: Video, fps: int) -> None:
    """Encode frames as H.264 in an mp4 whose index comes first."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options=_ENCODER_OPTIONS)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context  # the encoder makes BT.601 of RGB; unsaid, players guess BT.709 in larger videos
        context.color_primaries = context.color_trc = context.colorspace = _SMPTE170M
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def _write_truth(plan: ClipPlan, rendered: list[RenderedShot], path: Path) -> None:
    masks = path.with_suffix(".npz")
    labels, starts = _join(plan, rendered)
    np.savez_compressed(masks, labels=labels)
    subjects = [subject for shot, _ in zip(plan.shots, rendered, strict=False) for subject in shot.subjects]
    content = {
        "kind": plan.kind,
        "caption": plan.caption,
        "words": [asdict(word) for word in plan.words],
        "shot_starts": starts,
        "subjects": [
            {
                "word": subject.word,
                "kind": subject.kind,
                "texture": asdict(subject.texture),
                "boxes": [_box(frame == index + 1) for frame in labels],
                **({"state": subject.state} if subject.state else {}),
            }
            for index, subject in enumerate(subjects)
        ],
        "masks": masks.name,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _join(plan: ClipPlan, rendered: list[RenderedShot]) -> tuple[Labels, list[int]]:
    """The labels of all shots, counted through, and the first frame of each."""
    if not rendered:
        return np.zeros((0, 0, 0), np.uint8), []
    parts, starts, frames, subjects = [], [], 0, 0
    for shot, drawn in zip(plan.shots, rendered, strict=True):
        parts.append(np.where(drawn.labels > 0, drawn.labels + subjects, 0).astype(np.uint8))
        starts.append(frames)
        frames += shot.frames
        subjects += len(shot.subjects)
    return np.concatenate(parts), starts


def _box(mask: Mask) -> dict[str, float] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return {
        "x0": float(columns[0]),
        "y0": float(rows[0]),
        "x1": float(columns[-1] + 1),
        "y1": float(rows[-1] + 1),
    }
