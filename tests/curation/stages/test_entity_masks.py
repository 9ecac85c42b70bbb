"""The stage that locates entity words."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from curation.annotators.protocols import Scene
from curation.records import EntityWord, LocatedEntity
from curation.stage import Resources
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from dataset_schema import Annotator, EntityKind
from tests.curation.deciding import reasons_of
from tests.curation.moving_scenes import clip_of, still_frames

FULL = np.ones((20, 30), bool)
FRAMES = still_frames(*[np.zeros((20, 30, 3), np.uint8)] * 3)


class ScriptedLocator:
    """Answers with (word index, frame index, detection score, mask score) as told."""

    reads_words = True

    def __init__(self, *answers: tuple[int, int, float, float]) -> None:
        self._answers = answers

    def describe(self) -> Annotator:
        return Annotator(job="locate", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        return [
            [
                LocatedEntity(word_index=w, reference_index=f, mask=FULL, detection_score=d, mask_score=m)
                for w, f, d, m in self._answers
            ]
            for _ in scenes
        ]


def stage(*answers: tuple[int, int, float, float]) -> EntityMasks:
    return EntityMasks(EntityMasksConfig(min_confidence=0.7), ScriptedLocator(*answers))


def test_confidence_is_that_of_the_best_subject_word() -> None:
    clip = clip_of(FRAMES, dog=EntityKind.SUBJECT, cat=EntityKind.SUBJECT, ball=EntityKind.OBJECT)
    tested = stage((0, 0, 0.9, 0.4), (1, 0, 0.9, 0.9), (1, 2, 0.8, 0.2), (2, 0, 1.0, 1.0))

    (scored,) = tested.score([clip])

    # sqrt(0.9 x 0.4) = 0.6 for the dog; the mean of 0.9 and 0.4 for the cat; the ball is no subject.
    assert scored.scores.subject_confidence == pytest.approx(0.65)
    assert len(scored.located or ()) == 4


def test_a_clip_without_a_located_subject_is_rejected_with_numbers() -> None:
    clip = clip_of(FRAMES, dog=EntityKind.SUBJECT, ball=EntityKind.OBJECT)
    tested = stage((1, 0, 1.0, 1.0))

    (scored,) = tested.score([clip])
    (reason,) = reasons_of(tested, scored)

    assert scored.scores.subject_confidence == 0
    assert (reason.stage, reason.reason) == ("entity_masks", "no_subject_located")
    assert "'dog'" in reason.detail
    assert "with confidence 0.00, expected at least 0.70" in reason.detail


@pytest.mark.parametrize(("score", "is_kept"), [(0.69, False), (0.71, True)])
def test_the_threshold_decides(score: float, is_kept: bool) -> None:
    tested = stage((0, 1, score, score))

    (scored,) = tested.score([clip_of(FRAMES, dog=EntityKind.SUBJECT)])

    assert (reasons_of(tested, scored) == ()) is is_kept


def test_a_threshold_of_zero_still_wants_a_subject() -> None:
    tested = EntityMasks(EntityMasksConfig(min_confidence=0), ScriptedLocator())

    (scored,) = tested.score([clip_of(FRAMES, dog=EntityKind.SUBJECT)])

    assert [reason.reason for reason in reasons_of(tested, scored)] == ["no_subject_located"]


def ambiguous(frame: int) -> LocatedEntity:
    return LocatedEntity(
        word_index=0, reference_index=frame, mask=FULL, detection_score=0.9, mask_score=0.9, is_ambiguous=True
    )


def test_a_subject_that_fits_several_places_everywhere_is_rejected_as_ambiguous() -> None:
    class Locator(ScriptedLocator):
        def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
            return [[ambiguous(0), ambiguous(1)]]

    tested = EntityMasks(EntityMasksConfig(), Locator())
    (scored,) = tested.score([clip_of(FRAMES, man=EntityKind.SUBJECT)])

    (reason,) = reasons_of(tested, scored)
    assert reason.reason == "ambiguous_subject"
    assert reason.detail == "of the subject words 'man', 1 fit several places of the frame about equally well"


def test_an_ambiguous_frame_counts_neither_for_nor_against_a_subject() -> None:
    certain = replace(ambiguous(2), detection_score=0.8, mask_score=0.8, is_ambiguous=False)

    class Locator(ScriptedLocator):
        def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
            return [[ambiguous(0), certain]]

    tested = EntityMasks(EntityMasksConfig(min_confidence=0.7), Locator())
    (scored,) = tested.score([clip_of(FRAMES, man=EntityKind.SUBJECT)])

    assert scored.scores.subject_confidence == pytest.approx(0.8)
    assert reasons_of(tested, scored) == ()


class LimitedLocator(ScriptedLocator):
    """Does not know what a kettle is."""

    def cannot_find(self, word: EntityWord) -> str | None:
        return "no detector class" if word.word == "kettle" else None


def test_what_was_measured_says_which_words_were_missed_and_which_the_locator_does_not_know() -> None:
    clip = clip_of(FRAMES, dog=EntityKind.SUBJECT, ball=EntityKind.OBJECT, kettle=EntityKind.OBJECT)
    knowing, limited = (
        EntityMasks(EntityMasksConfig(), locator((0, 0, 0.9, 0.9), (0, 2, 0.9, 0.9)))
        for locator in (ScriptedLocator, LimitedLocator)
    )

    (scored,) = limited.score([clip])

    located = "confidence 0.90; 'dog' in 2 of 3 frames; not located: 'ball'"
    assert limited.measured(scored) == f"{located}; 'kettle': no detector class"
    assert knowing.measured(scored) == f"{located}, 'kettle'"


def test_a_word_that_was_found_all_the_same_is_not_called_unknown() -> None:
    tested = EntityMasks(EntityMasksConfig(), LimitedLocator((0, 0, 0.9, 0.9)))

    (scored,) = tested.score([clip_of(FRAMES, kettle=EntityKind.SUBJECT)])

    assert tested.measured(scored) == "confidence 0.90; 'kettle' in 1 of 3 frames"
