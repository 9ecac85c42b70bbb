"""The moving-object locator where captions name several subjects from left to right."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from curation.annotators.moving_object.locator import MovingObjectConfig, MovingObjectLocator
from curation.annotators.protocols import Scene
from curation.profiles import CurationConfig, EmbeddedAnnotators, build_stages
from curation.records import Clip, EntityWord, Image, LocatedEntity, Mask, ReferenceFrame
from dataset_schema import EntityKind, Source
from tests.curation.deciding import reasons_of
from tests.curation.moving_scenes import Sprite, reference_frames, scene

RED = (190, 70, 60)
BLUE = (60, 80, 190)
PALE = (225, 220, 200)

TIMES_S = (0.4, 1.5, 2.6)

# Slowly up or down, each its own way, in three columns of the picture.
LEFT = Sprite((34, 28), RED, lambda t: (80, 80 + 30 * t))
MIDDLE = Sprite((32, 30), PALE, lambda t: (220, 160 - 30 * t))
RIGHT = Sprite((34, 26), BLUE, lambda t: (365, 90 + 28 * t))


def subjects(*texts: str) -> list[EntityWord]:
    """Subject words in the order of their places in a caption that consists of them."""
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
    return [
        EntityWord(word=text, kind=EntityKind.SUBJECT, start=int(start), end=int(start) + len(text))
        for text, start in zip(texts, starts, strict=False)
    ]


def locate(frames: Sequence[ReferenceFrame], words: Sequence[EntityWord]) -> list[LocatedEntity]:
    locator = MovingObjectLocator(MovingObjectConfig(several_subjects="left_to_right"))
    locator.load()
    return locator.locate([Scene(frames, words)])[0]


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def assert_bound(
    located: Sequence[LocatedEntity],
    at: Callable[[float], tuple[Image, Image, list[Mask]]],
    sprite_of_word: Sequence[int],
) -> None:
    """Every word has its own sprite in every frame, for certain."""
    places = sorted((entity.word_index, entity.reference_index) for entity in located)
    assert places == [(word, frame) for word in range(len(sprite_of_word)) for frame in range(len(TIMES_S))]
    for entity in located:
        truth = at(TIMES_S[entity.reference_index])[2][sprite_of_word[entity.word_index]]
        assert iou(entity.mask, truth) > 0.8
        assert not entity.is_ambiguous


@pytest.mark.parametrize("side", [0, 1], ids=["left is larger", "right is larger"])
def test_the_first_word_is_the_left_one_whichever_is_clearer(side: int) -> None:
    sprites = [LEFT, RIGHT]
    sprites[1 - side] = sprites[1 - side]._replace(half_axes=(24, 18))
    at = scene(sprites, pan_px_per_s=15)

    located = locate(reference_frames(at, TIMES_S), subjects("dog", "cat"))

    assert_bound(located, at, [0, 1])


def test_the_place_in_the_caption_counts_and_not_the_place_in_the_list() -> None:
    at = scene([LEFT, RIGHT])

    located = locate(reference_frames(at, TIMES_S), subjects("dog", "cat")[::-1])

    assert_bound(located, at, [1, 0])


def test_three_words_get_three_sprites() -> None:
    at = scene([RIGHT, LEFT, MIDDLE])

    located = locate(reference_frames(at, TIMES_S), subjects("dog", "cat", "fox"))

    assert_bound(located, at, [1, 2, 0])


def test_two_equal_words_are_two_sprites() -> None:
    at = scene([LEFT, RIGHT])

    located = locate(reference_frames(at, TIMES_S), subjects("cat", "cat"))

    assert_bound(located, at, [0, 1])


@pytest.mark.parametrize(
    "sprites",
    [
        [LEFT],
        [LEFT, Sprite((34, 26), BLUE, lambda t: (365, 130))],
        [Sprite((34, 26), RED, lambda t: (90 + 90 * t, 70)), Sprite((34, 26), BLUE, lambda t: (340 - 90 * t, 180))],
        [Sprite((34, 26), RED, lambda t: (150 + 40 * t, 70)), Sprite((34, 26), BLUE, lambda t: (155 + 40 * t, 180))],
    ],
    ids=["there is one", "one of them rests", "they change sides", "one is above the other"],
)
def test_nothing_is_answered_unless_two_things_move_side_by_side(sprites: list[Sprite]) -> None:
    assert locate(reference_frames(scene(sprites), TIMES_S), subjects("dog", "cat")) == []


def test_four_words_are_too_many() -> None:
    assert locate(reference_frames(scene([LEFT, RIGHT]), TIMES_S), subjects("dog", "cat", "fox", "cow")) == []


def test_a_third_thing_that_moves_alike_makes_both_words_uncertain() -> None:
    located = locate(reference_frames(scene([LEFT, MIDDLE, RIGHT]), TIMES_S), subjects("dog", "cat"))

    assert located
    assert all(entity.is_ambiguous for entity in located)


def test_a_frame_in_which_two_things_look_like_one_is_left_unanswered() -> None:
    touching = [
        Sprite((34, 28), RED, lambda t: (60 + 50 * t, 120)),
        Sprite((34, 28), BLUE, lambda t: (380 - 49 * t, 120)),
    ]

    located = locate(reference_frames(scene(touching), TIMES_S), subjects("dog", "cat"))

    assert {(e.word_index, e.reference_index) for e in located} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_caption_may_use_a_word_twice_where_places_tell_subjects_apart() -> None:
    caption = "A cat moves left and a cat moves right."
    clip = Clip(clip_id="0" * 16, source=Source(id="generated", uri="generated.mp4"), caption=caption)
    masks = MovingObjectConfig(several_subjects="left_to_right")
    told, untold = (
        build_stages(CurationConfig(annotators=annotators))[0]
        for annotators in (EmbeddedAnnotators(masks=masks), EmbeddedAnnotators())
    )

    (kept,), (refused,) = told.score([clip]), untold.score([clip])

    assert [(word.word, word.start) for word in kept.entity_words or ()] == [("cat", 2), ("cat", 23)]
    assert reasons_of(told, kept) == ()
    assert [reason.reason for reason in reasons_of(untold, refused)] == ["same_head_word"]
