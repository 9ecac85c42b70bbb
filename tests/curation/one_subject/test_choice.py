"""Which pictures of a subject are kept, and which tell the most."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from curation.one_subject.choice import choose, difference, judge
from curation.one_subject.coverage import coverage_of
from curation.one_subject.cutouts import small_picture
from curation.one_subject.finding import SubjectPicture
from curation.one_subject.rules import SubjectConfig, picture_rules
from curation.one_subject.views import Distance, Light, View, distance_of, light_of, view_of
from curation.records import Image
from tests.curation.one_subject.made_samples import cutout

RULES = picture_rules(SubjectConfig())


def picture(number: int, *, seed: int | None = None, **facts: Any) -> SubjectPicture:
    usual: dict[str, Any] = {
        "clip_id": f"{number:032x}",
        "place": 0,
        "time_s": 0.0,
        "content": b"",
        "small": small_picture(cutout((120, 120, 120), seed=number if seed is None else seed)),
        "short_side": 100,
        "sharpness": 50.0,
        "view": View.SIDE,
        "distance": Distance.MIDDLE,
        "light": Light.BRIGHT,
    }
    return SubjectPicture(**{**usual, **facts})


def test_pictures_are_left_out_with_score_and_limit() -> None:
    judged = judge([picture(1), picture(2, short_side=30), picture(3, sharpness=1.5)], RULES)

    assert [each.clip_id for each in judged.good] == [f"{1:032x}"]
    assert {int(clip_id, 16): str(flaw) for (clip_id, _), (flaw,) in judged.flaws.items()} == {
        2: "too small (short side 30 px < 48)",
        3: "blurred (sharpness 1.5 < 5)",
    }


def test_of_doubles_the_larger_stays_whatever_the_order() -> None:
    one, larger, other = picture(1, seed=1), picture(2, seed=1, short_side=140), picture(3, seed=3)

    for pictures in ([one, larger, other], [other, larger, one]):
        judged = judge(pictures, RULES)

        assert [each.clip_id for each in judged.good] == [larger.clip_id, other.clip_id]
        (flaw,) = judged.flaws[one.clip_id, 0]
        assert str(flaw) == "like another picture of it (difference 0.000 < 0.05)"


def test_the_difference_of_pictures_is_that_of_their_pixels_where_they_show_something() -> None:
    white = np.full((32, 32, 3), 255, np.uint8)
    black, gray = white.copy(), white.copy()
    black[:8], gray[:8] = 0, 51

    assert difference(black, black) == 0
    assert difference(black, gray) == pytest.approx(0.2)
    assert difference(white, white) == 0


def test_chosen_are_first_the_sides_distances_and_lights_that_are_there() -> None:
    usual = [picture(number) for number in range(1, 9)]
    dark, far, end = picture(20, light=Light.DARK), picture(21, distance=Distance.FAR), picture(22, view=View.END)

    chosen = choose([*usual, dark, far, end], 4)

    assert chosen[0] is usual[0]
    assert {each.clip_id for each in chosen[1:]} == {dark.clip_id, far.clip_id, end.clip_id}


def test_chosen_are_then_other_clips_and_what_differs_most() -> None:
    first, same_clip = picture(1), picture(1, seed=40, place=1)
    like_the_first = picture(2, small=np.clip(first.small.astype(int) + 9, 0, 255).astype(np.uint8))
    unlike = picture(3)

    chosen = choose([first, same_clip, like_the_first, unlike], 4)

    assert [(each.clip_id, each.place) for each in chosen] == [
        (each.clip_id, each.place) for each in (first, unlike, like_the_first, same_clip)
    ]
    assert Counter(map(id, chosen)).most_common(1)[0][1] == 1


def test_no_more_are_chosen_than_there_are() -> None:
    assert len(choose([picture(1), picture(2)], 12)) == 2
    assert choose([], 12) == []


@pytest.mark.parametrize(
    ("word", "size", "has_face", "expected"),
    [
        ("dog", (100, 150), False, View.SIDE),
        ("puppy", (100, 60), False, View.END),
        ("car", (100, 100), False, View.SLANTED),
        ("woman", (100, 40), True, View.FACE),
        ("woman", (100, 40), False, View.NO_FACE),
        ("kettle", (100, 150), False, View.UNKNOWN),
    ],
)
def test_a_view_is_told_by_the_outline_or_the_face(
    word: str, size: tuple[int, int], has_face: bool, expected: View
) -> None:
    assert view_of(word, np.ones(size, bool), has_face=has_face) is expected


def test_distance_and_light_are_told_by_the_frame() -> None:
    def gray(level: int) -> Image:
        return np.full((9, 16, 3), level, np.uint8)

    assert [distance_of(share) for share in (0.8, 0.5, 0.2, None)] == [
        *(Distance.CLOSE, Distance.MIDDLE, Distance.FAR, Distance.UNKNOWN)
    ]
    assert [light_of(gray(level)) for level in (20, 80, 160)] == [Light.DARK, Light.DIM, Light.BRIGHT]


def test_what_no_picture_shows_is_missing_and_what_one_clip_shows_is_seldom() -> None:
    coverage = coverage_of([picture(1), picture(1, seed=9, place=1), picture(2), picture(3, light=Light.DIM)], "dog")

    assert coverage.clips["light"] == {"in the dark": 0, "in dim light": 1, "in bright light": 2}
    assert coverage.clips["view"] == {"from the side": 3, "between side and front": 0, "from the front or back": 0}
    assert coverage.missing == (
        "no view between side and front",
        "no view from the front or back",
        "nothing from close by",
        "nothing from afar",
        "nothing in the dark, such as at night",
    )
    assert coverage.seldom == ("in dim light in one clip alone",)
    assert coverage.untold == ()


def test_of_a_kettle_nobody_tells_the_side() -> None:
    coverage = coverage_of([picture(1, view=View.UNKNOWN)], "kettle")

    assert coverage.untold == ("view",)
    assert not any("view" in sentence for sentence in coverage.missing)
