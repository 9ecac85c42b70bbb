"""The locator of detected objects against scenes whose masks are known, with a detector that is told what it sees."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from curation.annotators.detected_object.locator import DetectedObjectConfig, DetectedObjectLocator
from curation.annotators.protocols import KnowsItsLimits, Scene
from curation.records import EntityWord, Image, LocatedEntity, Mask, ReferenceFrame
from dataset_schema import EntityKind
from tests.curation.annotators.detected_object.scripted import ScriptedObjects, Seen
from tests.curation.moving_scenes import Sprite, reference_frames, scene, still_frames

RED = (190, 70, 60)
BLUE = (60, 80, 190)
PALE = (225, 220, 200)
TIMES_S = (0.4, 1.5, 2.6)

LEFT = Sprite((40, 56), RED, lambda t: (90, 110 + 15 * t))
RIGHT = Sprite((42, 50), BLUE, lambda t: (330, 120 + 15 * t))

# Outlines at 320 pixels take twice as long, and are the same sprites.
QUICK = DetectedObjectConfig(working_side=192)

At = Callable[[float], tuple[Image, Image, list[Mask]]]


def words(caption: str, *subjects: str, objects: Sequence[str] = ()) -> list[EntityWord]:
    """Each where it stands in the caption, one that is asked for twice at its second place."""
    found: list[EntityWord] = []
    for word in (*subjects, *objects):
        start = caption.index(word, max((each.end for each in found if each.word == word), default=0))
        kind = EntityKind.OBJECT if word in objects else EntityKind.SUBJECT
        found.append(EntityWord(word=word, kind=kind, start=start, end=start + len(word)))
    return found


def truths(at: At) -> list[list[Mask]]:
    """Of each frame, the mask of each sprite."""
    return [at(time_s)[2] for time_s in TIMES_S]


def locate(
    at: At,
    seen: Sequence[Sequence[Seen]],
    caption: str,
    named: Sequence[EntityWord],
    config: DetectedObjectConfig | None = None,
) -> list[LocatedEntity]:
    """In pictures that tell nothing of motion, which takes most of the time: whose a box is does not hang on it."""
    return locate_in(still_frames(*(at(time_s)[0] for time_s in TIMES_S)), seen, caption, named, config)


def locate_in(
    frames: Sequence[ReferenceFrame],
    seen: Sequence[Sequence[Seen]],
    caption: str,
    named: Sequence[EntityWord],
    config: DetectedObjectConfig | None = None,
) -> list[LocatedEntity]:
    locator = DetectedObjectLocator(config or QUICK, ScriptedObjects(seen))
    locator.load()
    return locator.locate([Scene(frames, named, caption)])[0]


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def assert_bound(located: Sequence[LocatedEntity], masks: Sequence[Sequence[Mask]], sprite_of: Sequence[int]) -> None:
    """Every word has its own sprite in every frame, for certain."""
    places = sorted((entity.word_index, entity.reference_index) for entity in located)
    assert places == [(word, frame) for word in range(len(sprite_of)) for frame in range(len(masks))]
    for entity in located:
        assert iou(entity.mask, masks[entity.reference_index][sprite_of[entity.word_index]]) > 0.8
        assert not entity.is_ambiguous


def both(masks: Sequence[Sequence[Mask]], first: str, second: str) -> list[list[Seen]]:
    return [[Seen(one, first), Seen(other, second)] for one, other in masks]


def test_words_of_two_kinds_get_their_own_boxes_outlined() -> None:
    at = scene([LEFT, RIGHT], pan_px_per_s=20)
    caption = "A cat looks at a dog."
    frames = reference_frames(at, TIMES_S)

    located = locate_in(frames, both(truths(at), "cat", "dog"), caption, words(caption, "dog", "cat"))

    assert_bound(located, truths(at), [1, 0])


def test_a_box_that_two_classes_claim_goes_to_the_surer_and_the_other_word_takes_its_second_choice() -> None:
    at = scene([LEFT, RIGHT])
    seen = [[Seen(one, "cat", 0.9), Seen(one, "dog", 0.7), Seen(other, "dog", 0.5)] for one, other in truths(at)]
    caption = "A dog looks at a cat."

    located = locate(at, seen, caption, words(caption, "dog", "cat"))

    assert_bound(located, truths(at), [1, 0])


def test_what_stands_still_before_a_still_camera_is_found_without_any_motion() -> None:
    at = scene([LEFT])
    pictures = [at(1.0)[0]] * 3
    mask = at(1.0)[2][0]

    located = locate_in(still_frames(*pictures), [[Seen(mask, "dog")]] * 3, "A dog.", words("A dog.", "dog"))

    assert_bound(located, [[mask]] * 3, [0])


def test_a_subject_that_the_detector_would_know_and_does_not_see_is_not_guessed_by_its_motion() -> None:
    frames = reference_frames(scene([Sprite((45, 32), RED, lambda t: (120 + 90 * t, 120))]), TIMES_S)

    assert locate_in(frames, [[], [], []], "A dog runs.", words("A dog runs.", "dog")) == []


def test_a_subject_of_no_class_is_what_moves_beside_what_has_one() -> None:
    moving = [
        Sprite((46, 36), RED, lambda t: (110 + 70 * t, 80)),
        Sprite((38, 30), BLUE, lambda t: (330 - 70 * t, 190)),
    ]
    at = scene(moving)
    caption = "A dog chases a robot."
    seen = [[Seen(dog, "dog")] for dog, _ in truths(at)]

    located = locate_in(reference_frames(at, TIMES_S), seen, caption, words(caption, "dog", "robot"))

    assert_bound(located, truths(at), [0, 1])


def test_objects_of_no_class_and_furniture_are_not_looked_for() -> None:
    at = scene([LEFT, RIGHT])
    caption = "A kettle stands on a sofa."
    seen = [[Seen(one, "couch"), Seen(other, "cup")] for one, other in truths(at)]

    assert locate(at, seen, caption, words(caption, objects=["kettle", "sofa"])) == []


@pytest.mark.parametrize(
    ("word", "kind", "reason"),
    [
        ("kettle", EntityKind.OBJECT, "no detector class"),
        ("shirt", EntityKind.OBJECT, "no detector class"),
        ("sofa", EntityKind.OBJECT, "furniture, which is outlined badly"),
        ("mug", EntityKind.OBJECT, None),
        ("dog", EntityKind.SUBJECT, None),
        ("robot", EntityKind.SUBJECT, None),
    ],
)
def test_the_locator_says_why_it_does_not_look_for_a_word(word: str, kind: EntityKind, reason: str | None) -> None:
    locator = DetectedObjectConfig().build()

    assert isinstance(locator, KnowsItsLimits)
    assert locator.cannot_find(EntityWord(word=word, kind=kind, start=0, end=len(word))) == reason


@pytest.mark.parametrize(
    "caption", ["A man meets a man.", "A man in a red shirt meets a man in red.", "A man turns left of a man."]
)
def test_of_two_people_whom_nothing_tells_apart_neither_is_surely_meant(caption: str) -> None:
    at = scene([LEFT, RIGHT])

    located = locate(at, both(truths(at), "person", "person"), caption, words(caption, "man", "man"))

    assert {entity.word_index for entity in located} == {0, 1}
    assert all(entity.is_ambiguous for entity in located)


@pytest.mark.parametrize(
    ("caption", "sprite_of"),
    [
        ("A man in a blue coat meets a woman in a red dress.", [1, 0]),
        ("A man with a red scarf meets a woman.", [0, 1]),
        ("A red jacket worn by a woman pleases a man.", [1, 0]),
        ("The man on the right meets the woman on the left.", [1, 0]),
        ("A man meets the woman on the right.", [0, 1]),
    ],
)
def test_two_people_are_told_apart_by_what_the_caption_says(caption: str, sprite_of: list[int]) -> None:
    at = scene([LEFT, RIGHT])

    located = locate(at, both(truths(at), "person", "person"), caption, words(caption, "man", "woman"))

    assert_bound(located, truths(at), sprite_of)


def test_two_people_who_change_places_keep_their_colors() -> None:
    changing = [
        Sprite((36, 50), RED, lambda t: (80 + 110 * t, 120)),
        Sprite((36, 50), BLUE, lambda t: (400 - 110 * t, 120)),
    ]
    at = scene(changing)
    seen = [[Seen(one, "person", 0.6), Seen(other, "person", 0.7)] for one, other in truths(at)]
    times_s = (0.4, 2.6)
    frames = reference_frames(at, times_s)
    masks = [at(time_s)[2] for time_s in times_s]
    caption = "A man in red passes a woman in blue."

    located = locate_in(frames, [seen[0], seen[2]], caption, words(caption, "man", "woman"))

    assert_bound(located, masks, [0, 1])


def test_captions_known_to_go_from_left_to_right_bind_words_of_one_kind() -> None:
    at = scene([LEFT, RIGHT])
    config = replace(QUICK, several_subjects="left_to_right")

    located = locate(at, both(truths(at), "dog", "dog"), "A dog, a dog.", words("A dog, a dog.", "dog", "dog"), config)

    assert_bound(located, truths(at), [0, 1])


def test_a_word_with_a_rival_of_its_class_is_ambiguous_and_with_a_lesser_one_is_not() -> None:
    at = scene([LEFT, RIGHT])
    masks = truths(at)

    alike = locate(at, both(masks, "dog", "dog"), "A dog.", words("A dog.", "dog"))
    clear = locate(at, [[Seen(a, "dog", 0.9), Seen(b, "dog", 0.4)] for a, b in masks], "A dog.", words("A dog.", "dog"))

    assert alike
    assert all(entity.is_ambiguous for entity in alike)
    assert_bound(clear, masks, [0])


def test_the_color_that_the_caption_names_decides_between_rivals() -> None:
    at = scene([LEFT, RIGHT])

    located = locate(at, both(truths(at), "car", "car"), "A blue car.", words("A blue car.", objects=["blue car"]))

    assert_bound(located, truths(at), [1])


def test_in_a_crowd_the_color_that_the_caption_names_does_not_help() -> None:
    """One in that color may be there that the detector does not see."""
    at = scene(
        [
            Sprite((30, 44), RED, lambda _: (70, 120)),
            Sprite((30, 44), BLUE, lambda _: (220, 120)),
            Sprite((30, 44), PALE, lambda _: (370, 120)),
        ]
    )
    seen = [[Seen(mask, "person") for mask in masks] for masks in truths(at)]
    caption = "A man in red."

    located = locate(at, seen, caption, words(caption, "man"))

    assert located
    assert all(entity.is_ambiguous for entity in located)


def test_an_object_before_a_subject_is_cut_out_of_it_and_no_pixel_has_two_owners() -> None:
    person = Sprite((80, 100), RED, lambda t: (200, 125 + 4 * t))
    ball = Sprite((26, 26), PALE, lambda t: (215, 130 + 4 * t))
    at = scene([person, ball])
    caption = "A man holds a ball."
    whole = [a | b for a, b in truths(at)]
    seen = [[Seen(w, "person"), Seen(b, "sports ball")] for w, (_, b) in zip(whole, truths(at), strict=True)]

    located = locate(at, seen, caption, words(caption, "man", objects=["ball"]))

    assert_bound(located, truths(at), [0, 1])
    for frame in range(3):
        one, other = (entity.mask for entity in located if entity.reference_index == frame)
        assert not (one & other).any()


@pytest.mark.parametrize(("score", "frames"), [(0.24, 0), (0.3, 3)])
def test_what_the_detector_is_less_sure_of_than_asked_is_left_out(score: float, frames: int) -> None:
    at = scene([LEFT])
    seen = [[Seen(mask, "dog", score)] for (mask,) in truths(at)]

    assert len(locate(at, seen, "A dog.", words("A dog.", "dog"))) == frames


def test_a_faint_box_counts_where_other_frames_show_the_same_thing_for_certain() -> None:
    at = scene([LEFT, RIGHT])
    masks = truths(at)
    scores = (0.6, 0.15, 0.6)
    same = [[Seen(one, "dog", score)] for (one, _), score in zip(masks, scores, strict=True)]
    another = [same[0], [Seen(masks[1][1], "dog", 0.15)], same[2]]

    confirmed = locate(at, same, "A dog.", words("A dog.", "dog"))

    assert_bound(confirmed, masks, [0])
    assert [entity.reference_index for entity in locate(at, another, "A dog.", words("A dog.", "dog"))] == [0, 2]


def test_of_a_box_and_the_same_with_its_shadow_the_surer_is_taken_and_neither_is_a_rival() -> None:
    at = scene([LEFT])
    masks = truths(at)
    seen = [[Seen(mask, "dog", 0.5), Seen(_with_shadow(mask), "dog", 0.45)] for (mask,) in masks]

    assert_bound(locate(at, seen, "A dog.", words("A dog.", "dog")), masks, [0])


def _with_shadow(mask: Mask) -> Mask:
    """Of a box that has an IoU of 0.59 with the mask's."""
    both: Mask = np.any([np.roll(mask, (down, down // 2), axis=(0, 1)) for down in range(41)], axis=0)
    return both


def test_a_word_that_is_only_near_a_class_needs_a_surer_box() -> None:
    at = scene([LEFT])
    seen = [[Seen(mask, "dog", 0.3)] for (mask,) in truths(at)]

    assert len(locate(at, seen, "A dog.", words("A dog.", "dog"))) == 3
    assert locate(at, seen, "A rabbit.", words("A rabbit.", "rabbit")) == []


def test_scores_are_shares_and_a_surer_box_is_more_certain() -> None:
    at = scene([LEFT])
    found = [
        locate(at, [[Seen(mask, "dog", score)] for (mask,) in truths(at)], "A dog.", words("A dog.", "dog"))
        for score in (0.3, 0.9)
    ]

    for unsure, sure in zip(*found, strict=True):
        assert 0 < unsure.detection_score < sure.detection_score <= 1
        assert 0 < sure.mask_score <= 1


def test_nothing_is_looked_for_where_no_word_asks() -> None:
    at = scene([LEFT])
    place = EntityWord(word="lawn", kind=EntityKind.BACKGROUND, start=2, end=6)

    assert locate(at, [[]] * 3, "A lawn.", [place]) == []
    assert locate_in([], [], "A dog.", words("A dog.", "dog")) == []


def test_answers_are_the_same_every_time() -> None:
    at = scene([LEFT, RIGHT], pan_px_per_s=30)
    caption = "A cat and a dog."
    seen = both([truths(at)[0]], "cat", "dog")
    frames = reference_frames(at, TIMES_S[:1])

    first, second = (locate_in(frames, seen, caption, words(caption, "cat", "dog")) for _ in range(2))

    assert len(first) == len(second) == 2
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("field", [{"min_subject_score": 1.5}, {"near_weight": -1.0}, {"working_side": 10}])
def test_a_senseless_config_is_refused(field: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        DetectedObjectConfig(**field)  # type: ignore[arg-type]  # the values are wrong on purpose


@pytest.mark.parametrize(
    ("scores", "found"), [((0.8, 0.2, 0.2), [0, 1, 2]), ((0.2, 0.2, 0.2), []), ((0.8, 0.1, 0.8), [0, 2])]
)
def test_what_one_frame_shows_surely_may_be_faint_in_the_others(scores: Sequence[float], found: list[int]) -> None:
    at = scene([LEFT])
    caption = "A cat sits there."
    seen = [[Seen(mask, "cat", score)] for (mask,), score in zip(truths(at), scores, strict=True)]

    located = locate(at, seen, caption, words(caption, "cat"), replace(QUICK, min_confidence=0.0))

    assert [entity.reference_index for entity in located] == found


def test_a_faint_box_that_is_nearly_as_good_as_the_sure_one_makes_it_ambiguous() -> None:
    at = scene([LEFT, RIGHT])
    caption = "A cat sits there."
    seen = [[Seen(left, "cat", 0.26), Seen(right, "cat", 0.24)] for left, right in truths(at)]
    clear = [[Seen(left, "cat", 0.26), Seen(right, "cat", 0.13)] for left, right in truths(at)]

    located = locate(at, seen, caption, words(caption, "cat"))

    assert located
    assert all(entity.is_ambiguous for entity in located)
    assert_bound(locate(at, clear, caption, words(caption, "cat")), truths(at), [0])
