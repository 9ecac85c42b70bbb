"""How well and how fast the embedded profile's locator outlines what words name, against masks drawn by hand.

    python -m benchmarks.masks [MANIFEST] [--sheet PNG] [--windows] [--locator NAME]

The manifest is a CSV with the columns `sequence`, `video`, `masks_dir`, `entity_words` and `caption`, paths relative to
it or to its parent folder; `masks_dir` holds one PNG per frame, 0 for background. A single word stands as the clip's
subject, whether it names an animal or a car; of several, separated by |, the first is value 1 of the PNG, the second
2 and so on, and two of one name may be taken for one another. Without a manifest, clips of the sprite world are
measured. `--windows` adds both halves and the middle of every sequence: frames enough to correlate confidence with IoU.
"""

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Picture
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

from benchmarks.figures import Figure
from benchmarks.known_masks import Case, generated_cases, real_cases
from curation.annotators.moving_object.foreground import Plane
from curation.annotators.moving_object.locator import MovingObjectConfig, MovingObjectLocator
from curation.annotators.protocols import EntityLocator
from curation.profiles import EmbeddedAnnotators
from curation.records import Image, LocatedEntity, Mask
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from dataset_schema import Annotator

GENERATED_CLIPS: Final = 16

_MIN_IOU: Final = 0.55
_MIN_ANSWERED: Final = 0.7
MAX_CPU_S: Final = 2.5


class Goals(NamedTuple):
    """Least mean IoU over all frames, and least rank correlation of confidence and IoU."""

    iou: float
    correlation: float


REAL: Final = Goals(iou=0.6, correlation=0.6)
DRAWN: Final = Goals(iou=0.82, correlation=0.24)  # what motion alone reached: nothing may cost the drawn clips anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one word in one reference frame; both are 0 where there was no answer."""

    iou: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one clip: the answers to its first word in every frame, then those to its second."""

    case: Case
    answers: tuple[Answer, ...]
    masks: tuple[Mask | None, ...]
    cpu_s: float

    @property
    def is_single(self) -> bool:
        """Whether the clip has one word only."""
        return len(self.case.truths) == 1


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


LOCATORS: Final = ("profile", "moving_object", "motion_alone")


def locator_for(media: Path | None) -> str:
    """The profile's for real clips; drawn ones are no photographs, and have what the demo and the proof have."""
    return "moving_object" if media is None else "profile"


def build_locator(name: str) -> EntityLocator:
    """The embedded profile's own, or one of those to compare it with."""
    if name == "profile":
        return EmbeddedAnnotators().masks.build()
    return MovingObjectLocator(MovingObjectConfig(), NoForeground() if name == "motion_alone" else None)


def figures(media: Path | None) -> list[Figure]:
    """Mean IoU, how often it answers, and whether its confidence means something."""
    if media is None:
        cases = generated_cases(GENERATED_CLIPS)
    else:
        cases = real_cases(media / "masks" / "manifest.csv", with_windows=True)
    return rate(list(measure(cases, build_locator(locator_for(media)))), DRAWN if media is None else REAL)


def rate(results: Sequence[Result], goals: Goals) -> list[Figure]:
    """The figures of measured clips."""
    single = [answer for result in results if result.is_single for answer in result.answers]
    whole = [a for result in results if result.is_single and result.case.is_whole for a in result.answers]
    ious = [answer.iou for answer in whole if answer.confidence > 0]
    answers = sorted((a for a in single if a.confidence > 0), key=lambda answer: answer.confidence)
    of_single, of_answers = f"{len(single)} frames", f"{len(answers)} answers"
    return [
        Figure(
            job="masks", name="mean IoU when answering", value=_mean(ious), of=f"{len(ious)} answers", goal=_MIN_IOU
        ),
        Figure(
            job="masks",
            name="share of frames answered",
            value=len(ious) / len(whole),
            of=f"{len(whole)} frames",
            goal=_MIN_ANSWERED,
        ),
        Figure(
            job="masks",
            name="mean IoU of one word, no answer as 0",
            value=_mean(a.iou for a in single),
            of=of_single,
            goal=goals.iou,
        ),
        *_of_several(results),
        Figure(
            job="masks",
            name="rank correlation of confidence and IoU",
            value=_correlation(single),
            of=of_single,
            goal=goals.correlation,
        ),
        Figure(job="masks", name="rank correlation where it answers", value=_correlation(answers), of=of_answers),
        *(
            Figure(
                job="masks",
                name=f"mean IoU, quarter {place} by confidence",
                value=_mean(answers[i].iou for i in quarter),
                of=of_answers,
            )
            for place, quarter in enumerate(np.array_split(range(len(answers)), 4), start=1)
        ),
        Figure(
            job="masks",
            name="CPU seconds per clip, median",
            value=float(np.median([result.cpu_s for result in results])),
            of=f"{len(results)} clips",
            goal=MAX_CPU_S,
            at_most=True,
        ),
    ]


def _of_several(results: Sequence[Result]) -> list[Figure]:
    """The mean over all clips, if some have several words."""
    several = [answer for result in results if not result.is_single for answer in result.answers]
    if not several:
        return []
    every = [answer for result in results for answer in result.answers]
    return [
        Figure(
            job="masks",
            name="mean IoU of several words, no answer as 0",
            value=_mean(a.iou for a in several),
            of=f"{len(several)} masks",
        ),
        Figure(
            job="masks",
            name="mean IoU of all words, no answer as 0",
            value=_mean(a.iou for a in every),
            of=f"{len(every)} masks",
        ),
    ]


def main() -> None:
    """Print a row per clip and the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, nargs="?")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the masks")
    parser.add_argument("--windows", action="store_true")
    parser.add_argument("--locator", choices=LOCATORS, help="the profile's; moving_object for drawn clips")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.manifest is None:
        cases = generated_cases(GENERATED_CLIPS)
    else:
        cases = real_cases(arguments.manifest, with_windows=arguments.windows)
    results = []
    for result in measure(cases, build_locator(arguments.locator or locator_for(arguments.manifest))):
        row = "  ".join(f"IoU {a.iou:.2f} conf {a.confidence:.2f}" for a in result.answers)
        print(f"{result.case.name:28} {row}  {result.cpu_s:.2f} CPU s", flush=True)
        results.append(result)
    _print_sequences(results)
    for figure in rate(results, REAL if arguments.manifest else DRAWN):
        print(f"{figure.name:45} {figure.value:6.3f}  {figure.of}")
    if arguments.sheet:
        rows = [np.hstack(_tiles(result)) for result in results if result.is_single and len(result.answers) == 3]
        Picture.fromarray(np.vstack(rows)).save(arguments.sheet)


def _print_sequences(results: Sequence[Result]) -> None:
    """A line per sequence with all its windows."""
    by_sequence: dict[str, list[float]] = {}
    for result in results:
        by_sequence.setdefault(result.case.clip.source.id, []).extend(answer.iou for answer in result.answers)
    for sequence, ious in by_sequence.items():
        print(f"{sequence:28} mean IoU, no answer as 0: {_mean(ious):.2f} of {len(ious)}")


def measure(cases: Iterable[Case], locator: EntityLocator) -> Iterator[Result]:
    """Locate every clip's words."""
    stage = EntityMasks(EntityMasksConfig(), locator)
    stage.setup()
    for case in cases:
        started = time.process_time()
        (clip,) = stage.score([case.clip])
        cpu_s = time.process_time() - started
        found = {(e.word_index, e.reference_index): e for e in clip.located or () if not e.is_ambiguous}
        answers, masks = [], []
        for word, truth_word in enumerate(_partners(case, found)):
            for index, truth in enumerate(case.truths[truth_word]):
                entity = found.get((word, index))
                masks.append(None if entity is None else entity.mask)
                if truth.any():
                    answers.append(_answer(truth, entity))
        yield Result(case=case, answers=tuple(answers), masks=tuple(masks), cpu_s=cpu_s)


def _partners(case: Case, found: Mapping[tuple[int, int], LocatedEntity]) -> list[int]:
    """For every word the truth it is held against: its own, or that of a word of the same name that fits better."""
    words = [word.word for word in case.clip.entity_words or ()]
    fits = np.full((len(words), len(words)), -1.0)
    for word, name in enumerate(words):
        for other, truths in enumerate(case.truths):
            if name == words[other]:
                fits[word, other] = sum(_answer(truth, found.get((word, i))).iou for i, truth in enumerate(truths))
    return [int(other) for other in linear_sum_assignment(fits, maximize=True)[1]]


def _answer(truth: Mask, entity: LocatedEntity | None) -> Answer:
    if entity is None:
        return Answer(iou=0.0, confidence=0.0)
    return Answer(iou=_iou(truth, entity.mask), confidence=float(np.sqrt(entity.detection_score * entity.mask_score)))


def _iou(truth: Mask, mask: Mask) -> float:
    return float((truth & mask).sum() / max(1, (truth | mask).sum()))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values) or [0.0]))


def _correlation(answers: Sequence[Answer]) -> float:
    """Spearman's; 0 where all are as sure or as good as the others, so that there is no order."""
    confidences, ious = [a.confidence for a in answers], [a.iou for a in answers]
    return float(spearmanr(confidences, ious).statistic) if len(set(confidences)) > 1 < len(set(ious)) else 0.0


def _tiles(result: Result) -> list[Image]:
    """The frames, dark outside the found mask, with the true outlines in yellow."""
    tiles = []
    case = result.case
    for frame, mask, truth, answer in zip(case.frames, result.masks, case.truths[0], result.answers, strict=True):
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
