"""The reader of pictures, on pictures that tell everything or nothing of a clip."""

from benchmarks.what_pictures_tell import WORLD, Way, answers
from worlds.sprites import Change, plan_in_small_world, sides

SUBJECTS = 6


def share_told(way: Way, change: Change) -> float:
    return sum(answers(way, index)[change] for index in range(SUBJECTS)) / SUBJECTS


def test_pictures_of_a_clip_tell_how_its_subject_faces_and_leans() -> None:
    way = Way(name="", augments=False, is_of_another_time=False, pictures=1)

    assert {share_told(way, change) for change in (Change.FACING, Change.LEAN)} == {1.0}


def test_pictures_of_another_time_tell_what_the_two_states_have_in_common() -> None:
    way = Way(name="", augments=False, is_of_another_time=True, pictures=1)

    for index in range(SUBJECTS):
        before, after = (sides(shot.subjects[0].state) for shot in plan_in_small_world(WORLD, index).shots)
        told = answers(way, index)
        assert all(told[change] == (before[change] == after[change]) for change in (Change.FACING, Change.LEAN))
