"""Clips in which all that the words name is known to the pixel: from a manifest, or drawn by the sprite world."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from PIL import Image as Picture

from curation.records import Clip, EntityWord, Mask, ReferenceFrame
from curation.stages.decode import Decode, DecodeConfig
from dataset_schema import EntityKind, Source
from storage.text_files import open_text
from worlds.sprites import SpriteWorldConfig, plan_clip, render_shot, write_video

WINDOWS: Final = {"first half": (0.0, 0.5), "middle": (0.25, 0.75), "second half": (0.5, 1.0)}
WHOLE: Final = (0.0, 1.0)

_WORLD: Final = SpriteWorldConfig(seed=1, frames=49, height=288, width=512, max_moving=1, undesirable_share=0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A clip in whose reference frames everything that its words name is known to the pixel.

    Attributes:
        truths: for every word of the clip the mask in every frame, empty where it is not to be seen.
    """

    name: str
    clip: Clip
    truths: tuple[tuple[Mask, ...], ...]
    is_whole: bool

    @property
    def frames(self) -> tuple[ReferenceFrame, ...]:
        """The reference frames."""
        return self.clip.frames.reference_frames if self.clip.frames else ()


def real_cases(manifest: Path, *, with_windows: bool) -> Iterator[Case]:
    """The sequences of a manifest, in the form that `benchmarks.masks` describes.

    Args:
        manifest: the CSV.
        with_windows: the halves and the middle of each beside the whole.
    """
    decode = Decode(DecodeConfig())
    try:
        with open_text(manifest) as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            video = _find(manifest, row["video"].split(" (")[0])
            files = sorted(_find(manifest, row["masks_dir"]).glob("*.png"))
            words = _words(row)
            whole = decoded(decode, Source(id=row["sequence"], uri=str(video)))
            times = whole.frames.times_s if whole.frames else np.zeros(0)
            for name, part in ({"": WHOLE} | (WINDOWS if with_windows else {})).items():
                first, last = (round(edge * len(times)) for edge in part)
                clip = whole
                if part != WHOLE:
                    end_s = float(times[last]) if last < len(times) else float(times[-1] + times[1] - times[0])
                    source = Source(id=row["sequence"], uri=str(video), start_s=float(times[first]), end_s=end_s)
                    clip = decoded(decode, source)
                frames = clip.frames.reference_frames if clip.frames else ()
                labels = [np.asarray(Picture.open(files[first + frame.index])) for frame in frames]
                yield Case(
                    name=f"{row['sequence']} {name}".strip(),
                    clip=replace(clip, caption=row["caption"], entity_words=words),
                    truths=tuple(
                        tuple(label == number if len(words) > 1 else label > 0 for label in labels)
                        for number in range(1, len(words) + 1)
                    ),
                    is_whole=part == WHOLE,
                )
    finally:
        decode.close()


def _words(row: Mapping[str, str]) -> tuple[EntityWord, ...]:
    names, roles = row["entity_words"].split("|"), row["roles"].split("|")
    kinds = [EntityKind.SUBJECT] if len(names) == 1 else map(EntityKind, roles)
    return tuple(placed(row["caption"], word, kind) for word, kind in zip(names, kinds, strict=True))


def generated_cases(clips: int, *, with_things: bool = False) -> Iterator[Case]:
    """Clips of the sprite world in which one sprite moves, mostly beside another that does not.

    Args:
        clips: how many.
        with_things: the word of what stands still beside that of what moves.
    """
    decode = Decode(DecodeConfig())
    try:
        with TemporaryDirectory() as folder:
            for number in range(clips):
                plan = plan_clip(_WORLD, number)
                shot = render_shot(plan.shots[0], height=_WORLD.height, width=_WORLD.width)
                video = Path(folder) / f"{number}.mp4"
                write_video(video, shot.video, _WORLD.fps)
                kinds = (EntityKind.SUBJECT, EntityKind.OBJECT) if with_things else (EntityKind.SUBJECT,)
                words = [placed(plan.caption, word.word, word.kind) for word in plan.words if word.kind in kinds]
                clip = decoded(decode, Source(id=str(number), uri=str(video)))
                drawn = [subject.word for subject in plan.shots[0].subjects]
                frames = clip.frames.reference_frames if clip.frames else ()
                yield Case(
                    name=f"{number} {words[0].word}",
                    clip=replace(clip, caption=plan.caption, entity_words=tuple(words)),
                    truths=tuple(
                        tuple(shot.labels[frame.index] == drawn.index(word.word) + 1 for frame in frames)
                        for word in words
                    ),
                    is_whole=True,
                )
    finally:
        decode.close()


def placed(caption: str, word: str, kind: EntityKind) -> EntityWord:
    """The word where it first stands in the caption."""
    start = caption.index(word)
    return EntityWord(word=word, kind=kind, start=start, end=start + len(word))


def decoded(decode: Decode, source: Source) -> Clip:
    """The frames of a sound video, without caption and words."""
    (clip,) = decode.score([Clip(clip_id="0" * 16, source=source, caption="")])
    if clip.frames is None:
        raise ValueError(f"{source.uri} gave no frames, expected a sound video")
    return clip


def _find(manifest: Path, path: str) -> Path:
    for folder in (manifest.parent, manifest.parent.parent):
        if (folder / path).exists():
            return folder / path
    raise FileNotFoundError(f"{path} of {manifest} lies neither beside the manifest nor one folder up")
