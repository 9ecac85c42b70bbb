import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.worlds.sprites.planned_clips import DESIRABLE, HEIGHT, PLANS, WIDTH, ground_x
from worlds.affine import compose, invert
from worlds.sprites import ClipKind, ClipPlan, render_shot


def test_drawing_a_description_twice_gives_the_same_pixels() -> None:
    shot = DESIRABLE[0].shots[0]

    first, second = (render_shot(shot, height=HEIGHT, width=WIDTH) for _ in range(2))

    np.testing.assert_array_equal(first.video, second.video)
    np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize(
    "plan", [plan for plan in DESIRABLE if plan.shots[0].occluders][:3], ids=lambda plan: plan.caption
)
def test_the_masks_are_the_pixels_that_change_when_the_subjects_are_taken_away(plan: ClipPlan) -> None:
    shot = plan.shots[0]
    shot = replace(shot, subjects=tuple(replace(subject, casts_shadow=False) for subject in shot.subjects))

    drawn = render_shot(shot, height=HEIGHT, width=WIDTH)
    empty = render_shot(replace(shot, subjects=()), height=HEIGHT, width=WIDTH)

    changed = np.abs(drawn.video.astype(int) - empty.video).max(axis=-1) > 8
    rim = np.array([cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) for mask in drawn.labels > 0]) > 0
    assert changed[drawn.labels > 0].mean() > 0.97
    assert changed[~rim].mean() < 3e-4  # the half-transparent rim of an occluder
    assert not empty.labels.any()


def test_every_label_belongs_to_the_subject_at_its_position() -> None:
    plan = next(plan for plan in DESIRABLE if len(plan.shots[0].subjects) == 3)
    shot = plan.shots[0]

    together = render_shot(shot, height=HEIGHT, width=WIDTH).labels
    alone = [
        render_shot(replace(shot, subjects=(subject,)), height=HEIGHT, width=WIDTH).labels for subject in shot.subjects
    ]

    for index, mask in enumerate(alone):
        assert mask[together == index + 1].all()
    front = len(alone)
    np.testing.assert_array_equal(together == front, alone[-1] == 1)


def test_subjects_are_large_enough_inside_the_frame_and_on_the_move() -> None:
    areas, inside, travels = [], [], []
    for plan in DESIRABLE[:16]:
        shot = replace(plan.shots[0], occluders=())
        for subject in shot.subjects:
            labels = render_shot(replace(shot, subjects=(subject,)), height=HEIGHT, width=WIDTH).labels
            areas.append(labels.mean())
            border = np.concatenate([labels[:, 0], labels[:, -1]], axis=1).any(axis=1)
            inside.append(1 - border.mean())
            if subject.track.start != subject.track.end:
                travels.append(abs(ground_x(shot, subject, shot.frames - 1) - ground_x(shot, subject, 0)))

    assert min(areas) > 0.03
    assert max(areas) < 0.3
    assert np.median(areas) > 0.07
    assert np.mean(inside) > 0.9
    assert min(travels) > 0.15


def test_what_stands_still_stays_in_its_place_in_the_world() -> None:
    plan = next(plan for plan in DESIRABLE if re.search("past a (car|ball|boat)", plan.caption))
    shot = replace(plan.shots[0], occluders=())
    subject = next(subject for subject in shot.subjects if subject.track.start == subject.track.end)

    labels = render_shot(replace(shot, subjects=(subject,)), height=HEIGHT, width=WIDTH).labels

    first, last = (
        shot.camera.view(*shot.camera_clock(frame), height=HEIGHT, width=WIDTH) for frame in (0, shot.frames - 1)
    )
    moved = cv2.warpAffine(labels[0], compose(last, invert(first)), (WIDTH, HEIGHT), flags=cv2.INTER_NEAREST)
    assert (moved & labels[-1]).sum() / (moved | labels[-1]).sum() > 0.9


def test_a_photograph_is_one_picture_seen_through_a_zoom() -> None:
    plan = next(plan for plan in PLANS if plan.kind == ClipKind.PHOTOGRAPH)
    shot = plan.shots[0]

    video = render_shot(shot, height=HEIGHT, width=WIDTH).video

    first, last = (
        shot.camera.view(*shot.camera_clock(frame), height=HEIGHT, width=WIDTH) for frame in (0, shot.frames - 1)
    )
    zoomed = cv2.warpAffine(video[0], compose(last, invert(first)), (WIDTH, HEIGHT))
    assert np.abs(zoomed.astype(int) - video[-1]).mean() < 6
    assert np.abs(video[0].astype(int) - video[-1]).mean() > 12
