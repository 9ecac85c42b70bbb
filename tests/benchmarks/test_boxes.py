"""What the benchmark of boxes says: verdicts by hand, the clips it reads, and the profile's locator on drawn ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.boxes import REAL, BoxedClip, Group, Truth, Verdict, judge, rate, read_clips
from curation.annotators.protocols import Scene
from curation.records import LocatedEntity
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind
from tests.curation.moving_scenes import clip_of, still_frames
from worlds.sprites import write_video

BLACK = np.zeros((100, 200, 3), np.uint8)

Pixels = tuple[int, int, int, int]  # x0, y0, x1, y1


class KnowingLocator:
    """Answers with a rectangle per word and frame as told, ambiguous or not."""

    reads_words = True

    def __init__(self, answers: Mapping[tuple[int, int], Pixels], ambiguous: Sequence[int] = ()) -> None:
        self._answers = answers
        self._ambiguous = ambiguous

    def describe(self) -> Annotator:
        return Annotator(job="locate", name="knowing", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        return [[self._entity(*place) for place in self._answers] for _ in scenes]

    def _entity(self, word: int, frame: int) -> LocatedEntity:
        x0, y0, x1, y1 = self._answers[word, frame]
        mask = np.zeros(BLACK.shape[:2], bool)
        mask[y0:y1, x0:x1] = True
        return LocatedEntity(
            word_index=word,
            reference_index=frame,
            mask=mask,
            detection_score=1.0,
            mask_score=1.0,
            is_ambiguous=word in self._ambiguous,
        )


def boxed(truths: Mapping[str, Truth], name: str = "a", **kinds: EntityKind) -> BoxedClip:
    clip = clip_of(still_frames(BLACK, BLACK, BLACK), **kinds)
    return BoxedClip(clip=replace(clip, source=replace(clip.source, id=name)), truths=truths)


def test_a_box_is_right_that_shares_half_of_what_both_cover() -> None:
    # Truth is 100 x 50 pixels: 10 of 200 to 60 % and 20 to 70 %. 100 x 26 of it share 26 of 50, 100 x 24 only 24 of 50.
    truth: Truth = [[(10, 20, 60, 70)]] * 3
    locator = KnowingLocator({(0, 0): (20, 20, 120, 46), (0, 1): (20, 20, 120, 44)})

    (one,), _ = judge([boxed({"cat": truth}, cat=EntityKind.SUBJECT)], locator)

    assert one.verdicts == (Verdict.RIGHT, Verdict.WRONG, Verdict.NONE)


def test_any_box_of_a_list_is_right_and_a_frame_without_a_list_counts_nowhere() -> None:
    truth: Truth = [[(0, 0, 10, 10), (50, 50, 100, 100)], None, None]
    locator = KnowingLocator({(0, 0): (100, 50, 200, 100), (0, 1): (0, 0, 20, 20)})

    judged, cpu_s = judge([boxed({"cat": truth}, cat=EntityKind.SUBJECT)], locator)
    right, wrong, _ = rate(judged, cpu_s, REAL)

    assert (right.value, wrong.value, right.of) == (1.0, 0.0, "1 frames")


def test_what_fits_several_places_is_no_answer() -> None:
    truth: Truth = [[(0, 0, 50, 50)]] * 3
    locator = KnowingLocator({(0, 0): (0, 0, 100, 50)}, ambiguous=[0])

    (one,), _ = judge([boxed({"cat": truth}, cat=EntityKind.SUBJECT)], locator)

    assert set(one.verdicts) == {Verdict.NONE}


def test_subjects_of_two_kinds_are_bound_where_one_frame_has_both_right() -> None:
    left, right = (0, 0, 50, 100), (50, 0, 100, 100)
    truths: Mapping[str, Truth] = {"woman": [[left]] * 3, "dog": [[right], [right], None]}
    kinds = {"woman": EntityKind.SUBJECT, "dog": EntityKind.SUBJECT}
    rights = {(0, 1): (0, 0, 100, 100), (1, 1): (100, 0, 200, 100)}
    swapped = {(0, 1): (100, 0, 200, 100), (1, 1): (0, 0, 100, 100)}

    for answers, bound in ((rights, 1.0), (swapped, 0.0)):
        judged, cpu_s = judge([boxed(truths, **kinds)], KnowingLocator(answers))
        values = {figure.name: figure.value for figure in rate(judged, cpu_s, REAL)}
        assert values["clips of two kinds bound"] == bound


def test_two_people_are_counted_apart_from_single_subjects() -> None:
    truths: Mapping[str, Truth] = {"girl": [[(0, 0, 50, 100)]] * 3, "boy": [[(50, 0, 100, 100)]] * 3}
    people = boxed(truths, girl=EntityKind.SUBJECT, boy=EntityKind.SUBJECT)
    alone = boxed({"girl": truths["girl"]}, "b", girl=EntityKind.SUBJECT)

    judged, _ = judge([people, alone], KnowingLocator({}))

    assert [one.group for one in judged] == [Group.ALIKE, Group.ALIKE, Group.SUBJECT]


def test_objects_count_by_what_a_detector_of_classes_can_know_of_them() -> None:
    truths: Mapping[str, Truth] = {word: [[(0, 0, 50, 100)]] * 3 for word in ("mug", "bed", "kettle")}
    clip = boxed(truths, mug=EntityKind.OBJECT, bed=EntityKind.OBJECT, kettle=EntityKind.OBJECT)

    judged, _ = judge([clip], KnowingLocator({}))

    assert [one.group for one in judged] == [Group.OBJECT, Group.REST, Group.REST]


def test_boxes_are_read_for_the_clips_that_have_some(tmp_path: Path) -> None:
    for name in ("c01_dog", "c02_nothing"):
        write_video(tmp_path / f"{name}.mp4", np.zeros((12, 32, 64, 3), np.uint8), 12)
    (tmp_path / "manifest.csv").write_text(
        "video,caption,subject_words,object_words,background_words\n"
        "c01_dog.mp4,A dog sits beside a cup.,dog,cup,\n"
        "c02_nothing.mp4,A beach.,,,beach\n",
        encoding="utf-8",
    )
    boxes = {"c01": {"dog": [[[0, 0, 50, 50]], None, [[0, 0, 50, 50], [50, 50, 100, 100]]]}}
    (tmp_path / "boxes.json").write_text(json.dumps({"note": "by eye", "boxes": boxes}), encoding="utf-8")

    (found,) = read_clips(tmp_path)

    assert [(word.word, word.start) for word in found.clip.entity_words or ()] == [("dog", 2), ("cup", 20)]
    assert [frame and len(frame) for frame in found.truths["dog"]] == [1, None, 2]


def test_a_word_that_the_clip_does_not_have_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "c01_dog.mp4", np.zeros((12, 32, 64, 3), np.uint8), 12)
    (tmp_path / "manifest.csv").write_text(
        "video,caption,subject_words,object_words,background_words\nc01_dog.mp4,A dog sits.,dog,,\n", encoding="utf-8"
    )
    (tmp_path / "boxes.json").write_text(json.dumps({"boxes": {"c01": {"puppy": [None] * 3}}}), encoding="utf-8")

    with pytest.raises(ValueError, match=r"boxes\.json has boxes of 'puppy' in c01_dog"):
        list(read_clips(tmp_path))
