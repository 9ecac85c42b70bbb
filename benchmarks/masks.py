"""How well and how fast the moving-object locator outlines the subject of a clip, against masks drawn by hand.

    python -m benchmarks.masks MANIFEST [--sheet PNG] [--windows]

The manifest is a CSV with the columns `sequence`, `video` and `masks_dir`, paths relative to it or to its parent
folder; `masks_dir` holds one PNG per frame, 0 for background and one value per object. A sequence with several objects
is scored on the one that the answers fit best. `--windows` adds both halves and the middle of every sequence: frames
enough to correlate confidence with IoU.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Picture
from scipy.stats import spearmanr

from curation.annotators.moving_object import MovingObjectConfig, MovingObjectLocator
from curation.annotators.protocols import Scene
from curation.records import Clip, EntityWord, Image, Mask, ReferenceFrame
from curation.stages.decode import Decode, DecodeConfig
from dataset_schema import EntityKind, Source

WINDOWS = {"first half": (0.0, 0.5), "middle": (0.25, 0.75), "second half": (0.5, 1.0)}
SUBJECT = EntityWord(word="subject", kind=EntityKind.SUBJECT, start=0, end=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one reference frame; IoU and confidence are 0 where nothing was found at all."""

    iou: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one clip."""

    name: str
    answers: tuple[Answer, ...]
    cpu_s: float
    tiles: tuple[Image, ...]


def main() -> None:
    """Print a row per clip and the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the masks")
    parser.add_argument("--windows", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    results = []
    for result in measure(arguments.manifest, with_windows=arguments.windows):
        row = "  ".join(f"IoU {a.iou:.2f} conf {a.confidence:.2f}" for a in result.answers)
        print(f"{result.name:28} {row}  {result.cpu_s:.2f} CPU s", flush=True)
        results.append(result)
    summarize(results)
    if arguments.sheet:
        sheet = np.vstack([np.hstack(result.tiles) for result in results if len(result.tiles) == 3])
        Picture.fromarray(sheet).save(arguments.sheet)


def measure(manifest: Path, *, with_windows: bool) -> Iterator[Result]:
    """Locate the subject in every sequence of the manifest."""
    locator = MovingObjectLocator(MovingObjectConfig(min_confidence=0.0))
    decode = Decode(DecodeConfig())
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                video = _find(manifest, row["video"].split(" (")[0])
                masks = sorted(_find(manifest, row["masks_dir"]).glob("*.png"))
                windows = {"": (0.0, 1.0)} | (WINDOWS if with_windows else {})
                for name, part in windows.items():
                    yield _measure_clip(f"{row['sequence']} {name}".strip(), video, masks, part, (decode, locator))
    finally:
        decode.close()


def summarize(results: list[Result]) -> None:
    """Print what a threshold on the confidence trades, and the correlation of confidence and IoU."""
    answers = [answer for result in results for answer in result.answers]
    ious = np.array([answer.iou for answer in answers])
    confidences = np.array([answer.confidence for answer in answers])
    print(f"\n{len(results)} clips, {len(answers)} frames; mean IoU without a threshold {ious.mean():.3f}")
    print(f"Spearman correlation of confidence and IoU {spearmanr(confidences, ious).statistic:.2f}")
    for threshold in (0.6, 0.7, MovingObjectConfig().min_confidence, 0.8, 0.85, 0.9):
        chosen = confidences >= threshold
        mean = ious[chosen].mean() if chosen.any() else float("nan")
        print(f"confidence >= {threshold:.2f}: answers {chosen.mean():.0%}, mean IoU {mean:.3f}")
    print(f"{np.mean([result.cpu_s for result in results]):.2f} CPU s per clip")


def _find(manifest: Path, path: str) -> Path:
    for folder in (manifest.parent, manifest.parent.parent):
        if (folder / path).exists():
            return folder / path
    raise FileNotFoundError(f"{path} of {manifest} lies neither beside the manifest nor one folder up")


def _measure_clip(
    name: str, video: Path, masks: list[Path], part: tuple[float, float], tools: tuple[Decode, MovingObjectLocator]
) -> Result:
    decode, locator = tools
    (whole,) = decode.score([Clip(clip_id="0" * 16, source=Source(id=name, uri=str(video)), caption="subject")])
    if whole.frames is None:
        raise ValueError(f"{video} gave no frames, expected a sound video")
    times = whole.frames.times_s
    first, last = (round(edge * len(times)) for edge in part)
    clip = whole
    if part != (0.0, 1.0):
        end_s = float(times[last]) if last < len(times) else float(times[-1] + times[1] - times[0])
        source = Source(id=name, uri=str(video), start_s=float(times[first]), end_s=end_s)
        (clip,) = decode.score([Clip(clip_id="0" * 16, source=source, caption="subject")])
    references = clip.frames.references if clip.frames else ()
    started = time.process_time()
    located = {entity.reference_index: entity for entity in locator.locate([Scene(references, [SUBJECT])])[0]}
    cpu_s = time.process_time() - started
    found = {index: entity.mask for index, entity in located.items()}
    truths = [np.asarray(Picture.open(masks[first + frame.index])) for frame in references]
    ious = _best_object(truths, [found.get(index) for index in range(len(references))])
    confidences = [
        float(np.sqrt(located[i].detection_score * located[i].mask_score)) if i in located else 0.0
        for i in range(len(references))
    ]
    answers = tuple(Answer(iou=iou, confidence=c) for iou, c in zip(ious, confidences, strict=True))
    tiles = [_tile(frame, found.get(i), truths[i], answers[i]) for i, frame in enumerate(references)]
    return Result(name=name, answers=answers, cpu_s=cpu_s, tiles=tuple(tiles))


def _best_object(truths: list[npt.NDArray[np.uint8]], found: list[Mask | None]) -> list[float]:
    """IoU per frame with the object that fits best over all frames."""
    objects = sorted({int(value) for truth in truths for value in np.unique(truth)} - {0})
    per_object = [[_iou(truth == value, mask) for truth, mask in zip(truths, found, strict=True)] for value in objects]
    return max(per_object, key=sum)


def _iou(truth: Mask, mask: Mask | None) -> float:
    return 0.0 if mask is None else float((truth & mask).sum() / max(1, (truth | mask).sum()))


def _tile(frame: ReferenceFrame, mask: Mask | None, truth: npt.NDArray[np.uint8], answer: Answer) -> Image:
    """The frame, dark outside the found mask, with the true outlines in yellow."""
    picture = frame.image.copy()
    picture[~mask if mask is not None else slice(None)] //= 3
    outlines, _ = cv2.findContours((truth > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, (255, 255, 0), 2)
    tile: Image = cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA)
    text = f"IoU {answer.iou:.2f} conf {answer.confidence:.2f}"
    cv2.putText(tile, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 255, 0), 1)
    return tile


if __name__ == "__main__":
    main()
