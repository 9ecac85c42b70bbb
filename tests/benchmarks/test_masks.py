"""What the benchmark of masks says: its arithmetic by hand, and the profile's locator on two generated clips."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.known_masks import Case, generated_cases
from benchmarks.masks import REAL, Answer, Result, build_locator, locator_for, measure, rate
from curation.annotators.protocols import Scene
from curation.records import LocatedEntity, Mask
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind
from tests.curation.moving_scenes import clip_of, still_frames

BLACK = np.zeros((20, 30, 3), np.uint8)
LEFT, RIGHT = np.zeros((2, 20, 30), bool)
LEFT[:, :15], RIGHT[:, 15:] = True, True


def case(*truths: tuple[Mask, ...], is_whole: bool = True) -> Case:
    clip = clip_of(still_frames(BLACK), dog=EntityKind.SUBJECT)
    words = (clip.entity_words or ()) * len(truths)
    return Case(name="made up", clip=replace(clip, entity_words=words), truths=truths, is_whole=is_whole)


def result(*answers: tuple[float, float], is_whole: bool = True) -> Result:
    return Result(
        case=case((LEFT,), is_whole=is_whole),
        answers=tuple(Answer(iou=i, confidence=c) for i, c in answers),
        masks=(),
        cpu_s=1.0,
    )


def test_only_whole_clips_count_for_the_goals_and_only_answers_for_the_mean() -> None:
    results = [result((0.9, 0.95), (0.5, 0.8), (0.0, 0.0)), result((0.2, 0.9), is_whole=False)]

    values = {figure.name: figure.value for figure in rate(results, REAL)}

    assert values["mean IoU when answering"] == pytest.approx(0.7)
    assert values["share of frames answered"] == pytest.approx(2 / 3)
    assert values["mean IoU of one word, no answer as 0"] == pytest.approx(0.4)
    assert values["mean IoU, quarter 3 by confidence"] == pytest.approx(0.9)
    # Ranks by confidence 4 2 1 3, by IoU 4 3 1 2: 1 - 6 (1 + 1) / (4 (16 - 1)); of the answers 3 1 2 and 3 2 1.
    assert values["rank correlation of confidence and IoU"] == pytest.approx(0.8)
    assert values["rank correlation where it answers"] == pytest.approx(0.5)


def test_no_answer_at_all_misses_both_goals() -> None:
    figures = {figure.name: figure for figure in rate([result((0.0, 0.0), (0.0, 0.0), (0.4, 0.2), (0.3, 0.1))], REAL)}

    assert not figures["mean IoU when answering"].is_met
    assert not figures["share of frames answered"].is_met


class SwappingLocator:
    """Finds the second of two words where the first is, the first where the second is, and is sure of one of them."""

    reads_words = True

    def describe(self) -> Annotator:
        return Annotator(job="locate", name="swapping", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        return [
            [
                LocatedEntity(word_index=word, reference_index=0, mask=mask, detection_score=1.0, mask_score=score)
                for word, (mask, score) in enumerate([(RIGHT, 1.0), (LEFT, 0.25)])
            ]
            for _ in scenes
        ]


@pytest.mark.parametrize(("names", "iou"), [(("dog", "dog"), 1.0), (("dog", "cat"), 0.0)])
def test_words_of_one_name_may_be_taken_for_one_another_and_others_may_not(names: tuple[str, str], iou: float) -> None:
    both = case((LEFT,), (RIGHT,))
    words = tuple(replace(w, word=name) for w, name in zip(both.clip.entity_words or (), names, strict=True))

    (found,) = measure([replace(both, clip=replace(both.clip, entity_words=words))], SwappingLocator())

    assert [answer.iou for answer in found.answers] == [iou, iou]
    assert [answer.confidence for answer in found.answers] == [1.0, 0.5]


def test_several_words_count_for_all_and_not_for_one() -> None:
    several = Result(
        case=case((LEFT,), (RIGHT,)),
        answers=(Answer(iou=0.8, confidence=0.9), Answer(iou=0.0, confidence=0.0)),
        masks=(),
        cpu_s=1.0,
    )

    values = {figure.name: figure.value for figure in rate([result((0.2, 0.9), (0.4, 0.9)), several], REAL)}

    assert values["mean IoU of one word, no answer as 0"] == pytest.approx(0.3)
    assert values["mean IoU of several words, no answer as 0"] == pytest.approx(0.4)
    assert values["mean IoU of all words, no answer as 0"] == pytest.approx(0.35)


@pytest.mark.slow
def test_the_sprite_that_moves_is_outlined_and_not_the_one_that_stands_by() -> None:
    results = list(measure(generated_cases(3), build_locator(locator_for(None))))

    ious = [answer.iou for result in results for answer in result.answers]

    assert len(ious) == 9
    assert np.mean(ious) > 0.6
