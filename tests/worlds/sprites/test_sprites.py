import re
from collections import Counter
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from dataset_schema import EntityKind
from worlds.sprites import ClipKind, ClipPlan, SpriteWorldConfig, plan_clip, render_shot
from worlds.sprites.affine import apply, compose, invert
from worlds.sprites.scene import SHAPES, Scene, Subject
from worlds.sprites.sprite import draw_sprite
from worlds.sprites.textures import Pattern, draw_texture, paint_texture

HEIGHT, WIDTH = 80, 144
MANY = SpriteWorldConfig(clips=240)
PLANS = tuple(plan_clip(MANY, index) for index in range(MANY.clips))
DESIRABLE = tuple(plan for plan in PLANS if plan.kind == ClipKind.DESIRABLE)


def ground_x(scene: Scene, subject: Subject, frame: int) -> float:
    """Where a subject stands in a frame, in shares of the frame's width."""
    clock = scene.camera_clock(frame)
    view = scene.camera.view(*clock, height=HEIGHT, width=WIDTH)
    return float(apply(view, np.array([subject.ground_point(clock[1])]))[0, 0]) / WIDTH


def subject_of(plan: ClipPlan, word: str) -> Subject:
    return next(subject for subject in plan.shots[0].subjects if subject.word == word)


def test_a_clip_depends_on_the_seed_and_its_index_alone() -> None:
    config = SpriteWorldConfig(clips=3, seed=5)

    again = plan_clip(replace(config, clips=100), 2)

    assert again == plan_clip(config, 2)
    assert again != plan_clip(config, 1)
    assert again != plan_clip(replace(config, seed=6), 2)


def test_drawing_a_description_twice_gives_the_same_pixels() -> None:
    scene = DESIRABLE[0].shots[0]

    first, second = (render_shot(scene, height=HEIGHT, width=WIDTH) for _ in range(2))

    np.testing.assert_array_equal(first.video, second.video)
    np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize(
    "plan", [plan for plan in DESIRABLE if plan.shots[0].occluders][:3], ids=lambda plan: plan.caption
)
def test_the_masks_are_the_pixels_that_change_when_the_subjects_are_taken_away(plan: ClipPlan) -> None:
    scene = plan.shots[0]
    scene = replace(scene, subjects=tuple(replace(subject, casts_shadow=False) for subject in scene.subjects))

    shot = render_shot(scene, height=HEIGHT, width=WIDTH)
    empty = render_shot(replace(scene, subjects=()), height=HEIGHT, width=WIDTH)

    changed = np.abs(shot.video.astype(int) - empty.video).max(axis=-1) > 8
    rim = np.array([cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) for mask in shot.labels > 0]) > 0
    assert changed[shot.labels > 0].mean() > 0.97
    assert changed[~rim].mean() < 3e-4  # the half-transparent rim of an occluder
    assert not empty.labels.any()


def test_every_label_belongs_to_the_subject_at_its_position() -> None:
    plan = next(plan for plan in DESIRABLE if len(plan.shots[0].subjects) == 3)
    scene = plan.shots[0]

    together = render_shot(scene, height=HEIGHT, width=WIDTH).labels
    alone = [
        render_shot(replace(scene, subjects=(subject,)), height=HEIGHT, width=WIDTH).labels
        for subject in scene.subjects
    ]

    for index, mask in enumerate(alone):
        assert mask[together == index + 1].all()
    front = len(alone)
    np.testing.assert_array_equal(together == front, alone[-1] == 1)


def test_subjects_are_large_enough_inside_the_frame_and_on_the_move() -> None:
    areas, inside, travels = [], [], []
    for plan in DESIRABLE[:16]:
        scene = replace(plan.shots[0], occluders=())
        for subject in scene.subjects:
            labels = render_shot(replace(scene, subjects=(subject,)), height=HEIGHT, width=WIDTH).labels
            areas.append(labels.mean())
            border = np.concatenate([labels[:, 0], labels[:, -1]], axis=1).any(axis=1)
            inside.append(1 - border.mean())
            if subject.track.start != subject.track.end:
                travels.append(abs(ground_x(scene, subject, scene.frames - 1) - ground_x(scene, subject, 0)))

    assert min(areas) > 0.03
    assert max(areas) < 0.3
    assert np.median(areas) > 0.07
    assert np.mean(inside) > 0.9
    assert min(travels) > 0.15


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
    (scene,) = plan.shots

    named = [(word.word, word.kind) for word in plan.words]

    assert sorted(named[:-1]) == sorted((subject.word, subject.kind) for subject in scene.subjects)
    assert named[-1] == (scene.place.value, EntityKind.BACKGROUND)
    assert any(kind == EntityKind.SUBJECT for _, kind in named)


def test_a_caption_that_names_a_direction_is_right() -> None:
    directed = [plan for plan in DESIRABLE if re.search(r"to (the )?(left|right)", plan.caption)]

    assert len(directed) > 10
    for plan in directed:
        scene = plan.shots[0]
        subject = scene.subjects[0]
        goes_right = ground_x(scene, subject, scene.frames - 1) > ground_x(scene, subject, 0)
        assert goes_right == bool(re.search(r"to (the )?right", plan.caption)), plan.caption
        assert goes_right == (subject.facing == 1)


def test_the_one_that_follows_is_behind() -> None:
    following = [
        plan for plan in DESIRABLE if re.search("follows|chases|behind", plan.caption) and len(plan.words) == 3
    ]

    assert len(following) > 10
    for plan in following:
        scene = plan.shots[0]
        behind, ahead = (subject_of(plan, word.word) for word in plan.words[:2])
        lead = ground_x(scene, ahead, 0) - ground_x(scene, behind, 0)
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


def test_what_stands_still_stays_in_its_place_in_the_world() -> None:
    plan = next(plan for plan in DESIRABLE if re.search("past a (car|ball|boat)", plan.caption))
    scene = replace(plan.shots[0], occluders=())
    subject = next(subject for subject in scene.subjects if subject.track.start == subject.track.end)

    labels = render_shot(replace(scene, subjects=(subject,)), height=HEIGHT, width=WIDTH).labels

    first, last = (
        scene.camera.view(*scene.camera_clock(frame), height=HEIGHT, width=WIDTH) for frame in (0, scene.frames - 1)
    )
    moved = cv2.warpAffine(labels[0], compose(last, invert(first)), (WIDTH, HEIGHT), flags=cv2.INTER_NEAREST)
    assert (moved & labels[-1]).sum() / (moved | labels[-1]).sum() > 0.9


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


def test_a_photograph_is_one_picture_seen_through_a_zoom() -> None:
    plan = next(plan for plan in PLANS if plan.kind == ClipKind.PHOTOGRAPH)
    scene = plan.shots[0]

    video = render_shot(scene, height=HEIGHT, width=WIDTH).video

    first, last = (
        scene.camera.view(*scene.camera_clock(frame), height=HEIGHT, width=WIDTH) for frame in (0, scene.frames - 1)
    )
    zoomed = cv2.warpAffine(video[0], compose(last, invert(first)), (WIDTH, HEIGHT))
    assert np.abs(zoomed.astype(int) - video[-1]).mean() < 6
    assert np.abs(video[0].astype(int) - video[-1]).mean() > 12


def test_a_two_shot_clip_changes_place_between_its_shots() -> None:
    for plan in PLANS:
        if plan.kind == ClipKind.TWO_SHOTS:
            first, second = plan.shots
            assert first.frames + second.frames == MANY.frames
            assert min(first.frames, second.frames) >= 0.3 * MANY.frames
            assert first.place != second.place


@pytest.mark.parametrize("word", SHAPES)
def test_no_sprite_reaches_the_edge_of_its_canvas(word: str) -> None:
    cloth = np.full((96, 96, 3), 200, np.uint8)

    for phase in np.arange(12) / 12:
        alpha = draw_sprite(SHAPES[word], cloth, phase=float(phase))[..., 3]
        border = np.concatenate([alpha[[0, -1]].ravel(), alpha[:, [0, -1]].ravel()])
        assert alpha.any()
        assert not border.any()


@pytest.mark.parametrize("word", SHAPES)
def test_a_shape_covers_the_area_that_it_says(word: str) -> None:
    side = 260
    alpha = draw_sprite(SHAPES[word], np.zeros((side, side, 3), np.uint8), phase=0.0)[..., 3]

    covered = (alpha > 127).sum() * (2 * 1.3 / side) ** 2

    assert SHAPES[word].area() == pytest.approx(covered, rel=0.25)


@pytest.mark.parametrize("pattern", Pattern)
def test_a_texture_is_the_same_at_every_size(pattern: Pattern) -> None:
    texture = replace(draw_texture(np.random.default_rng(3)), pattern=pattern)

    small, large = paint_texture(texture, 120), paint_texture(texture, 240)

    shrunk = cv2.resize(large, (120, 120), interpolation=cv2.INTER_AREA).astype(float)
    assert contrast(small) > 10
    assert np.abs(shrunk - small).mean() < 0.25 * contrast(small)


def contrast(picture: npt.NDArray[np.uint8]) -> float:
    return float(picture.reshape(-1, 3).std(axis=0).mean())


def test_textures_hardly_ever_look_alike() -> None:
    rng = np.random.default_rng(0)
    textures = [paint_texture(draw_texture(rng), 48).astype(float) for _ in range(40)]

    distances = [
        np.abs(textures[i] - textures[j]).mean() for i in range(len(textures)) for j in range(i + 1, len(textures))
    ]

    assert min(distances) > 10


def test_inverting_a_map_leads_back() -> None:
    affine = np.array([[1.5, -0.4, 7.0], [0.3, 0.8, -2.0]])
    points = np.array([[0.0, 0.0], [3.0, -5.0]])

    np.testing.assert_allclose(apply(invert(affine), apply(affine, points)), points, atol=1e-12)
    np.testing.assert_allclose(apply(compose(affine, affine), points), apply(affine, apply(affine, points)))


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
