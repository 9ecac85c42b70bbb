import pytest

from benchmarks.generated_cuts import make_videos
from benchmarks.shots import compare, generated_clips, judge, total
from curation.annotators.shots.detectors import TransNetV2Shots

ONE_SHOT = {"flashes", "lamp", "shaken", "repeated frames", "desktop", "insets"}


def test_generated_footage_has_cuts_exactly_where_it_says() -> None:
    for made in make_videos(seed=5, of_each=1):
        assert made.thumbnails.shape[1:] == (27, 48, 3)
        assert bool(made.transitions) == (made.kind not in ONE_SHOT)
        assert all(0 < first <= last < len(made.thumbnails) for first, last in made.transitions)


@pytest.mark.slow
def test_hard_cuts_of_generated_footage_are_found_and_no_others() -> None:
    detector = TransNetV2Shots()
    detector.load()
    kinds = {"hard cuts", "shaken", "insets"}  # of drawn dissolves, the network misses many
    clips = [clip for clip in generated_clips(seed=5, of_each=1) if clip.name in kinds]

    judged = judge(detector, clips, 0.5)

    assert len(clips) == len(kinds)
    assert all(one.is_right for one in judged)
    assert total(judged).hard.f1 == 1.0


def test_one_found_cut_counts_for_one_marked_cut() -> None:
    found = compare([9, 11, 40, 45, 90], ((10, 10), (38, 50), (70, 70)))

    assert (found.hard.hits, found.hard.misses) == (1, 1)
    assert (found.gradual.hits, found.gradual.misses) == (1, 0)
    assert found.both.false_alarms == 2
