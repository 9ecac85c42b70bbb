"""Which pictures of an entity are good, from their scores alone."""

from dataclasses import replace
from typing import Any

import pytest

from curation.references.judging import judge_pictures
from curation.stages.reference_images import ReferenceImagesConfig, face_rules, picture_rules
from dataset_schema import Box, Entity, EntityKind, Payload, ReferenceImage

PNG = Payload(bytes=b"png")


def picture(place: int, *likeness: float | None, **changes: Any) -> ReferenceImage:
    values: dict[str, Any] = {
        "frame_index": place,
        "time_s": float(place),
        "box": Box(x0=0, y0=0, x1=100, y1=100),
        "detection_score": 0.9,
        "mask_score": 0.8,
        "area": 0.2,
        "sharpness": 50.0,
        "largest_fragment": 1.0,
        "solidity": 0.9,
        "fill": 0.8,
        "border_contact": 0.0,
        "overlap": 0.0,
        "agreement": None,
        "likeness_to_clip": None,
        "is_face": False,
        "image": PNG,
        "short_side": 100,
        "place": place,
        "likeness": likeness,
    }
    return ReferenceImage(**{**values, **changes})


def entity(*pictures: ReferenceImage, kind: EntityKind = EntityKind.SUBJECT) -> Entity:
    return Entity(word="dog", kind=kind, start=2, end=5, references=pictures)


def judged(found: Entity, config: ReferenceImagesConfig | None = None, *, comparison_frames: int = 0) -> Entity:
    config = config or ReferenceImagesConfig()
    clip = {"reference_frames": 3, "comparison_frames": comparison_frames}
    return judge_pictures(found, [*picture_rules(config), *face_rules(config)], clip).entity


def places(found: Entity) -> list[int]:
    return [reference.place for reference in found.references]


def test_agreement_is_the_greatest_cosine_to_another_good_picture() -> None:
    found = judged(entity(picture(0, 1.0, 0.6, 0.0), picture(1, 0.6, 1.0, 0.8), picture(2, 0.0, 0.8, 1.0)))

    assert [reference.agreement for reference in found.references] == [0.6, 0.8, 0.8]


def test_agreement_never_falls_below_zero_and_needs_two() -> None:
    lenient = ReferenceImagesConfig(min_agreement=0.0)

    opposite = judged(entity(picture(0, 1.0, -1.0), picture(1, -1.0, 1.0)), lenient)
    alone = judged(entity(picture(0, 1.0)), lenient)

    assert [reference.agreement for reference in opposite.references] == [0.0, 0.0]
    assert [reference.agreement for reference in alone.references] == [None]


def test_likeness_to_the_clip_is_the_mean_cosine_to_the_pictures_inside_it() -> None:
    inside = [picture(place, 1.0, 1.0, value, is_for_comparison=True) for place, value in enumerate((0.6, 1.0))]
    outside = picture(2, 0.6, 1.0, 1.0)

    found = judged(entity(*inside, outside), comparison_frames=2)

    assert places(found) == [2]
    assert found.references[0].likeness_to_clip == pytest.approx((0.6 + 1) / 2)
    assert [scores.place for scores in found.rejected_references] == [0, 1]


def test_a_picture_that_is_left_out_keeps_its_scores_and_loses_its_pixels() -> None:
    small = picture(1, 0.9, 1.0, area=0.001)

    found = judged(entity(picture(0, 1.0, 0.9), small))

    (left,) = found.rejected_references
    assert places(found) == [0]
    assert not hasattr(left, "image")
    assert (left.area, left.place, left.likeness) == (0.001, 1, (0.9, 1.0))


def test_a_small_picture_is_called_small_whatever_the_limit_is() -> None:
    config = ReferenceImagesConfig(min_area=0.15)
    rules = picture_rules(config)

    flaws = judge_pictures(entity(picture(0, 1.0, area=0.12)), rules, {}).flaws

    assert [str(flaw) for flaw in flaws[0]] == ["too small (area 0.1200 < 0.15)"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"area": 0.95}, "too large (area 0.95 > 0.9)"),
        ({"short_side": 20}, "too small (short side 20 px < 48)"),
        ({"largest_fragment": 0.5}, "in pieces (largest fragment 0.50 < 0.8)"),
        ({"fill": 0.1}, "thin or full of holes (fill 0.10 < 0.25)"),
        ({"border_contact": 0.55}, "cut off by the frame (border contact 0.55 > 0.4)"),
        ({"overlap": 0.6}, "another subject covers it (overlap 0.60 > 0.5)"),
        ({"sharpness": 3.25}, "blurred (sharpness 3.2 < 5)"),
    ],
)
def test_every_flaw_says_what_it_is_and_by_how_much(changes: dict[str, Any], said: str) -> None:
    rules = picture_rules(ReferenceImagesConfig())

    flaws = judge_pictures(entity(picture(0, 1.0, **changes)), rules, {}).flaws

    assert [str(flaw) for flaw in flaws[0]] == [said]


@pytest.mark.parametrize(
    ("changes", "of_subject", "of_object"),
    [
        ({"area": 0.005}, "too small (area 0.0050 < 0.01)", ""),
        ({"area": 0.001}, "too small (area 0.0010 < 0.01)", "too small (area 0.0010 < 0.002)"),
        ({"short_side": 40}, "too small (short side 40 px < 48)", ""),
        ({"short_side": 20}, "too small (short side 20 px < 48)", "too small (short side 20 px < 32)"),
        ({"overlap": 0.6}, "another subject covers it (overlap 0.60 > 0.5)", ""),
    ],
)
def test_objects_may_be_smaller_than_subjects_and_lie_inside_one(
    changes: dict[str, Any], of_subject: str, of_object: str
) -> None:
    rules = picture_rules(ReferenceImagesConfig())
    subject = entity(picture(0, 1.0, **changes))

    found = [
        judge_pictures(replace(subject, kind=kind), rules, {}).flaws for kind in (EntityKind.SUBJECT, EntityKind.OBJECT)
    ]

    assert ["; ".join(map(str, flaws.get(0, ()))) for flaws in found] == [of_subject, of_object]


def test_judging_twice_changes_nothing() -> None:
    once = judged(entity(picture(0, 1.0, 0.6, 0.1), picture(1, 0.6, 1.0, 0.2), picture(2, 0.1, 0.2, 1.0)))

    assert places(once) == [0, 1]
    assert judged(once) == once


def test_a_looser_limit_finds_the_picture_good_although_its_pixels_are_gone() -> None:
    strict = judged(entity(picture(0, 1.0, 0.9), picture(1, 0.9, 1.0, area=0.005)))
    loose = ReferenceImagesConfig(min_area=0.001)
    rules = [*picture_rules(loose), *face_rules(loose)]

    again = judge_pictures(strict, rules, {"reference_frames": 3})

    assert [scores.place for scores in again.good] == [0, 1]
    assert places(again.entity) == [0]
    assert again.entity.references[0].agreement == 0.9


def test_pictures_of_version_2_are_judged_by_the_scores_they_have() -> None:
    old = [replace(picture(0), place=0, likeness=(), agreement=value) for value in (0.9, 0.9, 0.2)]

    found = judged(entity(*(replace(each, frame_index=index) for index, each in enumerate(old))))

    assert [reference.frame_index for reference in found.references] == [0, 1]


@pytest.mark.parametrize(("sharpness", "kept"), [(2.1, [0]), (2.5, [0, 1])])
def test_a_face_that_is_blurred_out_goes_and_its_person_stays(sharpness: float, kept: list[int]) -> None:
    face = picture(1, None, 1.0, frame_index=0, time_s=0.0, is_face=True, face_inside=0.9, sharpness=sharpness)

    found = judged(entity(picture(0, 1.0, None), face))

    assert places(found) == kept
