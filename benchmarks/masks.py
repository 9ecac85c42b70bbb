"""How well and how fast the moving-object locator outlines the subject of a clip, against masks drawn by hand.

    python -m benchmarks.masks [MANIFEST] [--sheet PNG] [--windows] [--motion-alone]

The manifest is a CSV with the columns `sequence`, `video`, `masks_dir` and `entity_words`, paths relative to it or to
its parent folder; `masks_dir` holds one PNG per frame, 0 for background. Its word stands as the clip's subject, whether
it names an animal or a car. Sequences of several entity words are left out: of several subjects the locator answers
none. Without a manifest, clips of the sprite world are measured. `--windows` adds both halves and the middle of every
sequence: frames enough to correlate confidence with IoU.
"""

import argparse
import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Picture
from scipy.stats import spearmanr

from benchmarks.figures import Figure
from curation.annotators.moving_object.foreground import Foreground, ForegroundNetwork, Plane
from curation.annotators.moving_object.locator import MovingObjectConfig, MovingObjectLocator
from curation.annotators.protocols import Scene
from curation.records import Clip, EntityWord, Image, Mask, ReferenceFrame
from curation.stages.decode import Decode, DecodeConfig
from dataset_schema import Annotator, EntityKind, Source
from storage.text_files import open_text
from worlds.sprites import SpriteWorldConfig, plan_clip, render_shot, write_video

WINDOWS: Final = {"first half": (0.0, 0.5), "middle": (0.25, 0.75), "second half": (0.5, 1.0)}
WHOLE: Final = (0.0, 1.0)

GENERATED_CLIPS: Final = 16
_WORLD: Final = SpriteWorldConfig(seed=1, frames=49, height=288, width=512, max_moving=1, undesirable_share=0.0)

_MIN_IOU: Final = 0.55
_MIN_ANSWERED: Final = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A clip whose subject is known to the pixel."""

    name: str
    frames: tuple[ReferenceFrame, ...]
    truths: tuple[Mask, ...]
    word: EntityWord
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one reference frame; IoU and confidence are 0 where nothing was found at all."""

    iou: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one clip."""

    case: Case
    answers: tuple[Answer, ...]
    masks: tuple[Mask | None, ...]
    cpu_s: float


class NoForeground:
    """Knows nothing, so that motion alone decides."""

    def describe(self) -> Annotator:
        """No weights."""
        return Annotator(job="locate", name="none", revision="1")

    def load(self) -> None:
        """Nothing to load."""

    def probability(self, picture: Image) -> Plane:
        """Nowhere."""
        return np.zeros(picture.shape[:2], np.float32)


def figures(media: Path | None) -> list[Figure]:
    """Mean IoU where it answers, how often it does, and whether its confidence means something."""
    if media is None:
        results = measure(generated_cases(GENERATED_CLIPS), ForegroundNetwork())
    else:
        results = measure(real_cases(media / "masks" / "manifest.csv", with_windows=True), ForegroundNetwork())
    return rate(list(results))


def rate(results: Sequence[Result]) -> list[Figure]:
    """The figures of measured clips; the goals are about whole clips."""
    threshold = MovingObjectConfig().min_confidence
    whole = [answer for result in results if result.case.is_whole for answer in result.answers]
    every = [answer for result in results for answer in result.answers]
    ious = [answer.iou for answer in whole if answer.confidence >= threshold]
    quarters = np.array_split([a.iou for a in sorted(every, key=lambda answer: answer.confidence)], 4)
    correlation = spearmanr([a.confidence for a in every], [a.iou for a in every]).statistic
    cpu_s = float(np.mean([result.cpu_s for result in results]))
    of_whole, of_every = f"{len(whole)} frames", f"{len(every)} frames"
    return [
        Figure(
            job="masks",
            name="mean IoU when answering",
            value=float(np.mean(ious or [0.0])),
            of=f"{len(ious)} answers",
            goal=_MIN_IOU,
        ),
        Figure(
            job="masks",
            name="share of frames answered",
            value=len(ious) / len(whole),
            of=of_whole,
            goal=_MIN_ANSWERED,
        ),
        Figure(job="masks", name="rank correlation of confidence and IoU", value=float(correlation), of=of_every),
        *(
            Figure(job="masks", name=f"mean IoU, quarter {place} by confidence", value=float(part.mean()), of=of_every)
            for place, part in enumerate(quarters, start=1)
        ),
        Figure(job="masks", name="CPU seconds per clip", value=cpu_s, of=f"{len(results)} clips"),
    ]


def main() -> None:
    """Print a row per clip and the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, nargs="?")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the masks")
    parser.add_argument("--windows", action="store_true")
    parser.add_argument("--motion-alone", action="store_true", help="without the foreground network")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.manifest is None:
        cases = generated_cases(GENERATED_CLIPS)
    else:
        cases = real_cases(arguments.manifest, with_windows=arguments.windows)
    results = []
    for result in measure(cases, NoForeground() if arguments.motion_alone else ForegroundNetwork()):
        row = "  ".join(f"IoU {a.iou:.2f} conf {a.confidence:.2f}" for a in result.answers)
        print(f"{result.case.name:28} {row}  {result.cpu_s:.2f} CPU s", flush=True)
        results.append(result)
    for figure in rate(results):
        print(f"{figure.name:45} {figure.value:6.3f}  {figure.of}")
    if arguments.sheet:
        rows = [np.hstack(_tiles(result)) for result in results if len(result.answers) == 3]
        Picture.fromarray(np.vstack(rows)).save(arguments.sheet)


def measure(cases: Iterator[Case], network: Foreground) -> Iterator[Result]:
    """Locate the subject in every clip; nothing is left out for want of confidence."""
    locator = MovingObjectLocator(MovingObjectConfig(min_confidence=0.0), network)
    locator.load()
    for case in cases:
        started = time.process_time()
        located = {entity.reference_index: entity for entity in locator.locate([Scene(case.frames, [case.word])])[0]}
        cpu_s = time.process_time() - started
        answers = []
        for index, truth in enumerate(case.truths):
            entity = located.get(index)
            if entity is None or entity.is_ambiguous:
                answers.append(Answer(iou=0.0, confidence=0.0))
            else:
                confidence = float(np.sqrt(entity.detection_score * entity.mask_score))
                answers.append(Answer(iou=_iou(truth, entity.mask), confidence=confidence))
        masks = tuple(located[i].mask if i in located else None for i in range(len(case.truths)))
        yield Result(case=case, answers=tuple(answers), masks=masks, cpu_s=cpu_s)


def real_cases(manifest: Path, *, with_windows: bool) -> Iterator[Case]:
    """The sequences of the manifest that show one entity."""
    decode = Decode(DecodeConfig())
    try:
        with open_text(manifest) as file:
            rows = [row for row in csv.DictReader(file) if "|" not in row["entity_words"]]
        for row in rows:
            video = _find(manifest, row["video"].split(" (")[0])
            masks = sorted(_find(manifest, row["masks_dir"]).glob("*.png"))
            whole = _decoded(decode, Source(id=row["sequence"], uri=str(video)))
            times = whole.frames.times_s if whole.frames else np.zeros(0)
            for name, part in ({"": WHOLE} | (WINDOWS if with_windows else {})).items():
                first, last = (round(edge * len(times)) for edge in part)
                clip = whole
                if part != WHOLE:
                    end_s = float(times[last]) if last < len(times) else float(times[-1] + times[1] - times[0])
                    source = Source(id=row["sequence"], uri=str(video), start_s=float(times[first]), end_s=end_s)
                    clip = _decoded(decode, source)
                frames = clip.frames.reference_frames if clip.frames else ()
                yield Case(
                    name=f"{row['sequence']} {name}".strip(),
                    frames=frames,
                    truths=tuple(np.asarray(Picture.open(masks[first + frame.index])) > 0 for frame in frames),
                    word=_subject(row["entity_words"]),
                    is_whole=part == WHOLE,
                )
    finally:
        decode.close()


def generated_cases(clips: int) -> Iterator[Case]:
    """Clips of the sprite world in which one sprite moves, mostly beside another that does not."""
    decode = Decode(DecodeConfig())
    try:
        with TemporaryDirectory() as folder:
            for number in range(clips):
                plan = plan_clip(_WORLD, number)
                shot = render_shot(plan.shots[0], height=_WORLD.height, width=_WORLD.width)
                video = Path(folder) / f"{number}.mp4"
                write_video(video, shot.video, _WORLD.fps)
                word = next(word.word for word in plan.words if word.kind is EntityKind.SUBJECT)
                label = [subject.word for subject in plan.shots[0].subjects].index(word) + 1
                clip = _decoded(decode, Source(id=str(number), uri=str(video)))
                frames = clip.frames.reference_frames if clip.frames else ()
                yield Case(
                    name=f"{number} {word}",
                    frames=frames,
                    truths=tuple(shot.labels[frame.index] == label for frame in frames),
                    word=_subject(word),
                    is_whole=True,
                )
    finally:
        decode.close()


def _decoded(decode: Decode, source: Source) -> Clip:
    (clip,) = decode.score([Clip(clip_id="0" * 16, source=source, caption="")])
    if clip.frames is None:
        raise ValueError(f"{source.uri} gave no frames, expected a sound video")
    return clip


def _subject(word: str) -> EntityWord:
    return EntityWord(word=word, kind=EntityKind.SUBJECT, start=0, end=len(word))


def _find(manifest: Path, path: str) -> Path:
    for folder in (manifest.parent, manifest.parent.parent):
        if (folder / path).exists():
            return folder / path
    raise FileNotFoundError(f"{path} of {manifest} lies neither beside the manifest nor one folder up")


def _iou(truth: Mask, mask: Mask) -> float:
    return float((truth & mask).sum() / max(1, (truth | mask).sum()))


def _tiles(result: Result) -> list[Image]:
    """The frames, dark outside the found mask, with the true outlines in yellow."""
    tiles = []
    case = result.case
    for frame, mask, truth, answer in zip(case.frames, result.masks, case.truths, result.answers, strict=True):
        picture = frame.image.copy()
        picture[~mask if mask is not None else slice(None)] //= 3
        outlines, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, (255, 255, 0), 2)
        tile: npt.NDArray[np.uint8] = cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA)
        text = f"IoU {answer.iou:.2f} conf {answer.confidence:.2f}"
        cv2.putText(tile, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 255, 0), 1)
        tiles.append(tile)
    return tiles


if __name__ == "__main__":
    main()
