"""Whether the embedded profile finds what caption words name, against boxes drawn by eye.

    python -m benchmarks.boxes [MEDIA] [--locator NAME]

MEDIA has clips/ with manifest.csv and boxes.json, which holds for the beginning of a clip's name and a word a list of
boxes for each reference frame, in percent of the frame; any of a list is right, and null stands for a frame that is not
judged. Without it, clips of the sprite world are measured, whose boxes are known.

A frame is right if the box around the mask and one of the true boxes share half of what they cover, wrong if they do
not, and without an answer where there is no mask or an ambiguous one.
"""

import argparse
import csv
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks.figures import Figure
from benchmarks.known_masks import decoded, generated_cases, placed
from benchmarks.masks import GENERATED_CLIPS, LOCATORS, MAX_CPU_S, build_locator, locator_for
from curation.annotators.protocols import EntityLocator
from curation.entity_words.object_classes import object_classes
from curation.entity_words.phrases import names_person
from curation.records import Clip, EntityWord, Mask
from curation.stages.decode import Decode, DecodeConfig
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from dataset_schema import EntityKind, Source
from storage.text_files import open_text, read_text

JOB: Final = "boxes"

_RIGHT: Final = 0.5  # IoU of boxes: our choice, what COCO and PASCAL VOC call found

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in percent of the frame
Truth = Sequence[Sequence[Box] | None]  # for every reference frame the boxes any of which is right


class Verdict(StrEnum):
    """What became of one word in one frame."""

    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"


class Group(StrEnum):
    """What is counted together; furniture, clothes and what no class of the detector means are the rest."""

    SUBJECT = "subject words"
    ALIKE = "words of one class"
    OBJECT = "object words with a class"
    REST = "other object words"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxedClip:
    """A clip of which the boxes of some words are known."""

    clip: Clip
    truths: Mapping[str, Truth]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one word of a clip; None where a frame was not judged."""

    clip: str
    word: str
    group: Group
    verdicts: tuple[Verdict | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What figures are held against, on real clips and on drawn ones.

    Attributes:
        right: least share of frames right, by group.
        wrong: most frames wrong, by group.
    """

    right: Mapping[Group, float]
    wrong: Mapping[Group, float]


REAL: Final = Goals(right={Group.SUBJECT: 0.9, Group.OBJECT: 0.65}, wrong={Group.SUBJECT: 0.04, Group.OBJECT: 0.08})
# What motion reaches, which drawn clips are left to.
DRAWN: Final = Goals(right={Group.SUBJECT: 0.95}, wrong={Group.SUBJECT: 0.05})


def main() -> None:
    """Print a row per word and the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", nargs="?", type=Path)
    parser.add_argument("--locator", choices=LOCATORS, help="the profile's; moving_object for drawn clips")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    judged, cpu_s = judge(_clips(arguments.media), build_locator(arguments.locator or locator_for(arguments.media)))
    for one in judged:
        verdicts = " ".join(f"{verdict or '-':5}" for verdict in one.verdicts)
        print(f"{one.clip:34} {one.word:20} {one.group:28} {verdicts}")
    for figure in rate(judged, cpu_s, REAL if arguments.media else DRAWN):
        print(f"{figure.name:45} {figure.value:6.3f}  {figure.of}")


def figures(media: Path | None) -> list[Figure]:
    """Frames right and wrong by kind of word, clips whose two subjects are told apart, and the time of a clip."""
    judged, cpu_s = judge(_clips(media), build_locator(locator_for(media)))
    return rate(judged, cpu_s, DRAWN if media is None else REAL)


def _clips(media: Path | None) -> Iterator[BoxedClip]:
    return drawn_clips() if media is None else read_clips(media / "clips")


def judge(clips: Iterable[BoxedClip], locator: EntityLocator) -> tuple[list[Judged], list[float]]:
    """What becomes of every word whose boxes are known, and the CPU seconds that each clip took."""
    stage = EntityMasks(EntityMasksConfig(), locator)
    stage.setup()
    judged: list[Judged] = []
    cpu_s: list[float] = []
    for boxed in clips:
        started = time.process_time()
        (clip,) = stage.score([boxed.clip])
        cpu_s.append(time.process_time() - started)
        judged += _judge(clip, boxed.truths)
    return judged, cpu_s


def _judge(clip: Clip, truths: Mapping[str, Truth]) -> Iterator[Judged]:
    words = [(index, word) for index, word in enumerate(clip.entity_words or ()) if word.word in truths]
    people = sum(word.kind is EntityKind.SUBJECT and names_person(word.word) for _, word in words)
    found = {(e.word_index, e.reference_index): e.mask for e in clip.located or () if not e.is_ambiguous}
    for index, word in words:
        group = _group(word, has_company=people > 1)
        verdicts = tuple(_verdict(found.get((index, i)), boxes) for i, boxes in enumerate(truths[word.word]))
        yield Judged(clip=clip.source.id, word=word.word, group=group, verdicts=verdicts)


def _group(word: EntityWord, *, has_company: bool) -> Group:
    """What the word counts for; `has_company` if the clip has two words for people."""
    if word.kind is EntityKind.SUBJECT:
        return Group.ALIKE if has_company and names_person(word.word) else Group.SUBJECT
    classes = object_classes(word.word)
    return Group.OBJECT if classes.gives_crop and classes.exact + classes.near else Group.REST


def _verdict(mask: Mask | None, boxes: Sequence[Box] | None) -> Verdict | None:
    if boxes is None:
        return None
    if mask is None or not mask.any():
        return Verdict.NONE
    own = _box_around(mask)
    return Verdict.RIGHT if max(_iou(own, box) for box in boxes) >= _RIGHT else Verdict.WRONG


def rate(judged: Sequence[Judged], cpu_s: Sequence[float], goals: Goals) -> list[Figure]:
    """The figures of what was judged."""
    found = []
    for group in Group:
        verdicts = [v for one in judged if one.group is group for v in one.verdicts if v is not None]
        if verdicts:
            of = f"{len(verdicts)} frames"
            right, wrong = (verdicts.count(v) / len(verdicts) for v in (Verdict.RIGHT, Verdict.WRONG))
            found.append(Figure(job=JOB, name=f"{group}, right", value=right, of=of, goal=goals.right.get(group)))
            found.append(
                Figure(job=JOB, name=f"{group}, wrong", value=wrong, of=of, goal=goals.wrong.get(group), at_most=True)
            )
    bound = list(_pairs_bound(judged))
    if bound:
        found.append(
            Figure(
                job=JOB, name="clips of two kinds bound", value=float(np.mean(bound)), of=f"{len(bound)} clips", goal=1
            )
        )
    return [
        *found,
        Figure(
            job=JOB,
            name="CPU seconds per clip, median",
            value=float(np.median(cpu_s)),
            of=f"{len(cpu_s)} clips",
            goal=MAX_CPU_S,
            at_most=True,
        ),
    ]


def _pairs_bound(judged: Sequence[Judged]) -> Iterator[bool]:
    """For each clip that shows subjects of several kinds in one frame: whether all are right in such a frame."""
    for clip in dict.fromkeys(one.clip for one in judged):
        subjects = [one.verdicts for one in judged if one.clip == clip and one.group is Group.SUBJECT]
        frames = [frame for frame in zip(*subjects, strict=True) if None not in frame]
        if len(subjects) > 1 and frames:
            yield any(set(frame) == {Verdict.RIGHT} for frame in frames)


def read_clips(folder: Path) -> Iterator[BoxedClip]:
    """The clips of the manifest that have boxes, with all words of the manifest."""
    boxes = json.loads(read_text(folder / "boxes.json"))["boxes"]
    decode = Decode(DecodeConfig())
    try:
        with open_text(folder / "manifest.csv") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            name = Path(row["video"]).stem
            known = boxes.get(name.split("_")[0])
            if known is None:
                continue
            words = _words(row)
            for word in known.keys() - {word.word for word in words}:
                raise ValueError(f"boxes.json has boxes of {word!r} in {name}, expected words of the manifest")
            clip = decoded(decode, Source(id=name, uri=str(folder / row["video"])))
            yield BoxedClip(
                clip=replace(clip, caption=row["caption"], entity_words=words),
                truths={word: [found and [tuple(box) for box in found] for found in known[word]] for word in known},
            )
    finally:
        decode.close()


def _words(row: Mapping[str, str]) -> tuple[EntityWord, ...]:
    columns = [(kind, row[f"{kind.value}_words"]) for kind in EntityKind]
    return tuple(placed(row["caption"], word, kind) for kind, joined in columns for word in joined.split("|") if word)


def drawn_clips() -> Iterator[BoxedClip]:
    """Clips of the sprite world."""
    for case in generated_cases(GENERATED_CLIPS, with_things=True):
        words = [word.word for word in case.clip.entity_words or ()]
        yield BoxedClip(
            clip=case.clip,
            truths={
                word: [[_box_around(mask)] if mask.any() else None for mask in masks]
                for word, masks in zip(words, case.truths, strict=True)
            },
        )


def _box_around(mask: Mask) -> Box:
    (height, width), (rows, columns) = mask.shape, np.nonzero(mask)
    x0, x1 = (100 * edge / width for edge in (columns.min(), columns.max() + 1))
    y0, y1 = (100 * edge / height for edge in (rows.min(), rows.max() + 1))
    return float(x0), float(y0), float(x1), float(y1)


def _iou(first: Box, second: Box) -> float:
    width, height = (min(first[i + 2], second[i + 2]) - max(first[i], second[i]) for i in (0, 1))
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared)


if __name__ == "__main__":
    main()
