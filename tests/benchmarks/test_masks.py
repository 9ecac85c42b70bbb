"""What the benchmark of masks says: its arithmetic by hand, and the locator on two generated clips."""

import numpy as np
import pytest

from benchmarks.masks import Answer, Case, Result, generated_cases, measure, rate
from curation.annotators.moving_object.foreground import ForegroundNetwork
from curation.records import EntityWord
from dataset_schema import EntityKind

WORD = EntityWord(word="dog", kind=EntityKind.SUBJECT, start=0, end=3)


def result(*answers: tuple[float, float], is_whole: bool = True) -> Result:
    case = Case(name="made up", frames=(), truths=(), word=WORD, is_whole=is_whole)
    return Result(case=case, answers=tuple(Answer(iou=i, confidence=c) for i, c in answers), masks=(), cpu_s=1.0)


def test_only_whole_clips_count_for_the_goals_and_only_answers_for_the_mean() -> None:
    results = [result((0.9, 0.95), (0.5, 0.8), (0.1, 0.3)), result((0.2, 0.9), is_whole=False)]

    values = {figure.name: figure.value for figure in rate(results)}

    assert values["mean IoU when answering"] == pytest.approx(0.7)
    assert values["share of frames answered"] == pytest.approx(2 / 3)
    assert values["mean IoU, quarter 4 by confidence"] == pytest.approx(0.9)
    # Ranks by confidence 4 2 1 3, by IoU 4 3 1 2: 1 - 6 (1 + 1) / (4 (16 - 1)).
    assert values["rank correlation of confidence and IoU"] == pytest.approx(0.8)


def test_no_answer_at_all_misses_both_goals() -> None:
    figures = {figure.name: figure for figure in rate([result((0.0, 0.0), (0.4, 0.2), (0.3, 0.1), (0.2, 0.3))])}

    assert not figures["mean IoU when answering"].is_met
    assert not figures["share of frames answered"].is_met


def test_the_sprite_that_moves_is_outlined_and_not_the_one_that_stands_by() -> None:
    results = list(measure(generated_cases(3), ForegroundNetwork()))

    ious = [answer.iou for result in results for answer in result.answers]

    assert len(ious) == 9
    assert np.mean(ious) > 0.6
    assert all(figure.is_met for figure in rate(results))
