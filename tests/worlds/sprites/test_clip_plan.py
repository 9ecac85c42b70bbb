import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dataset_schema import EntityKind
from tests.worlds.sprites.planned_clips import DESIRABLE, MANY, PLANS, ground_x
from worlds.sprites import ClipKind, ClipPlan, Pattern, SpriteWorldConfig, look, plan_clip
from worlds.sprites.shot import Subject


def subject_of(plan: ClipPlan, word: str) -> Subject:
    return next(subject for subject in plan.shots[0].subjects if subject.word == word)


def test_a_clip_depends_on_the_seed_and_its_index_alone() -> None:
    config = SpriteWorldConfig(clips=3, seed=5)

    again = plan_clip(replace(config, clips=100), 2)

    assert again == plan_clip(config, 2)
    assert again != plan_clip(config, 1)
    assert again != plan_clip(replace(config, seed=6), 2)


@pytest.mark.parametrize("plan", PLANS[:120], ids=lambda plan: str(plan.index))
def test_captions_name_every_word_once_and_never_a_texture(plan: ClipPlan) -> None:
    words = re.findall(r"[a-z]+", plan.caption.lower())

    assert plan.caption[0].isupper()
    assert plan.caption.endswith(".")
    assert [words.count(word.word) for word in plan.words] == [1] * len(plan.words)
    assert not set(words) & {
        *Pattern,
        "striped",
        "dotted",
        "checked",
        "red",
        "green",
        "blue",
        "yellow",
        "white",
        "black",
    }


@pytest.mark.parametrize("plan", DESIRABLE[:120], ids=lambda plan: str(plan.index))
def test_a_desirable_clip_has_one_shot_and_an_animal_and_words_for_all_its_subjects(plan: ClipPlan) -> None:
    (shot,) = plan.shots

    named = [(word.word, word.kind) for word in plan.words]

    assert sorted(named[:-1]) == sorted((subject.word, subject.kind) for subject in shot.subjects)
    assert named[-1] == (shot.place.value, EntityKind.BACKGROUND)
    assert any(kind == EntityKind.SUBJECT for _, kind in named)


def test_a_caption_that_names_a_direction_is_right() -> None:
    directed = [plan for plan in DESIRABLE if re.search(r"to (the )?(left|right)", plan.caption)]

    assert len(directed) > 10
    for plan in directed:
        shot = plan.shots[0]
        subject = shot.subjects[0]
        goes_right = ground_x(shot, subject, shot.frames - 1) > ground_x(shot, subject, 0)
        assert goes_right == bool(re.search(r"to (the )?right", plan.caption)), plan.caption
        assert goes_right == (subject.facing == 1)


def test_the_one_that_follows_is_behind() -> None:
    following = [
        plan for plan in DESIRABLE if re.search("follows|chases|behind", plan.caption) and len(plan.words) == 3
    ]

    assert len(following) > 10
    for plan in following:
        shot = plan.shots[0]
        behind, ahead = (subject_of(plan, word.word) for word in plan.words[:2])
        lead = ground_x(shot, ahead, 0) - ground_x(shot, behind, 0)
        assert behind.facing == ahead.facing
        assert np.sign(lead) == ahead.facing, plan.caption


def test_no_more_sprites_move_than_asked_for() -> None:
    config = replace(MANY, max_subjects=2, max_moving=1, undesirable_share=0.0)
    plans = [plan_clip(config, index) for index in range(120)]

    still = [
        [subject.word for subject in plan.shots[0].subjects if subject.track.start == subject.track.end]
        for plan in plans
    ]

    assert all(len(plan.shots[0].subjects) - len(words) == 1 for plan, words in zip(plans, still, strict=True))
    assert {word for words in still for word in words} == {"car", "ball", "boat"}
    assert all(("past a" in plan.caption) for plan, words in zip(plans, still, strict=True) if words)


def test_undesirable_clips_are_as_many_as_asked_for_and_of_every_kind() -> None:
    found = Counter(plan.kind for plan in PLANS)

    assert found == {ClipKind.DESIRABLE: 180} | {kind: 10 for kind in ClipKind if kind != ClipKind.DESIRABLE}


def test_a_plural_clip_shows_as_many_as_its_caption_says() -> None:
    for plan in PLANS:
        if plan.kind == ClipKind.PLURAL_SUBJECT:
            count = {"Two": 2, "Three": 3}[plan.caption.split()[0]]
            assert len(plan.shots[0].subjects) == count
            assert len({subject.word for subject in plan.shots[0].subjects}) == 1


def test_clips_without_a_subject_word_have_no_animal() -> None:
    without = [plan for plan in PLANS if plan.kind == ClipKind.NO_SUBJECT]

    assert all(word.kind != EntityKind.SUBJECT for plan in without for word in plan.words)
    assert {len(plan.shots[0].subjects) for plan in without} == {0, 1}


def test_a_two_shot_clip_changes_place_between_its_shots() -> None:
    for plan in PLANS:
        if plan.kind == ClipKind.TWO_SHOTS:
            first, second = plan.shots
            assert first.frames + second.frames == MANY.frames
            assert min(first.frames, second.frames) >= 0.3 * MANY.frames
            assert first.place != second.place


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clips": 0}, "0 clips"),
        ({"frames": 4}, "of 4 frames"),
        ({"height": 161}, "161x288"),
        ({"max_subjects": 4}, "max_subjects is 4"),
        ({"max_moving": 0}, "max_moving is 0"),
        ({"undesirable_share": 1.5}, "undesirable_share is 1.5"),
    ],
)
def test_an_impossible_world_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpriteWorldConfig(**changes)


def test_where_looks_are_few_the_same_subject_comes_again_among_others_of_its_kind() -> None:
    config = SpriteWorldConfig(clips=60, seed=5, looks=2)

    worn: dict[str, Counter[Any]] = {}
    for index in range(config.clips):
        for subject in plan_clip(config, index).shots[0].subjects:
            worn.setdefault(subject.word, Counter())[subject.texture] += 1

    assert all(set(textures) <= {look(config, word, number) for number in (0, 1)} for word, textures in worn.items())
    assert sum(len(textures) == 2 and min(textures.values()) > 1 for textures in worn.values()) >= 3


def test_looks_change_nothing_but_what_subjects_wear() -> None:
    config = SpriteWorldConfig(clips=9, seed=5)

    for index in range(config.clips):
        usual, again = plan_clip(config, index), plan_clip(replace(config, looks=3), index)

        assert again != usual
        assert _bare(again) == _bare(usual)


def _bare(plan: ClipPlan) -> ClipPlan:
    """The clip with every subject in the first one's texture of a fixed world."""
    cloth = look(SpriteWorldConfig(), "cat", 0)
    shots = (
        replace(shot, subjects=tuple(replace(subject, texture=cloth) for subject in shot.subjects))
        for shot in plan.shots
    )
    return replace(plan, shots=tuple(shots))
