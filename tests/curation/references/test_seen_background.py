"""Backgrounds that other frames show, in scenes whose background is known."""

import numpy as np
import pytest

from curation.records import Image, Mask
from curation.references.seen_background import View, paint_seen_background
from curation.stages.background import grow_to_hole
from tests.curation.moving_scenes import HEIGHT, WIDTH, Sprite, scene, texture

AWAY = Sprite((40, 36), (190, 70, 60), lambda t: (120 + 60 * t, 120))


def shot(time_s: float, sprite: Sprite = AWAY, *, pan_px_per_s: float = 0.0) -> tuple[Image, Image, Mask]:
    """The picture, its background and the hole."""
    image, background, (mask,) = scene([sprite], pan_px_per_s=pan_px_per_s)(time_s)
    return image, background, grow_to_hole(mask, 0.014)


def view(time_s: float, sprite: Sprite = AWAY, *, pan_px_per_s: float = 0.0) -> View:
    image, _, hole = shot(time_s, sprite, pan_px_per_s=pan_px_per_s)
    return View(image, hole)


def error(image: Image, truth: Image, where: Mask) -> float:
    return float(np.abs(image[where].astype(float) - truth[where]).mean())


@pytest.mark.parametrize("pan_px_per_s", [0, 40])
def test_what_a_subject_left_behind_is_painted_as_it_is(pan_px_per_s: float) -> None:
    image, background, hole = shot(1.5, pan_px_per_s=pan_px_per_s)

    plate = paint_seen_background(image, hole, [view(3.2, pan_px_per_s=pan_px_per_s)], max_difference=20)

    assert plate.unseen.sum() < 0.02 * hole.sum()
    assert error(plate.image, background, hole & ~plate.unseen) < 3
    assert np.array_equal(plate.image[~hole], image[~hole])


def test_a_change_of_light_is_taken_back() -> None:
    image, background, hole = shot(1.5)
    other = view(3.2)
    darker = View((other.image * 0.8).astype(np.uint8), other.mask)

    plate = paint_seen_background(image, hole, [darker], max_difference=20)

    assert plate.unseen.sum() < 0.02 * hole.sum()
    assert error(plate.image, background, hole & ~plate.unseen) < 8


def test_what_the_other_frames_subject_covers_stays_unseen() -> None:
    image, background, hole = shot(1.5)
    half_a_step = view(2.2)

    plate = paint_seen_background(image, hole, [half_a_step], max_difference=20)

    covered = hole & half_a_step.mask
    assert covered.sum() > 0.2 * hole.sum()
    assert plate.unseen[covered].all()
    assert np.array_equal(plate.image[plate.unseen], image[plate.unseen])
    assert error(plate.image, background, hole & ~plate.unseen) < 3


def test_several_frames_show_more_than_one() -> None:
    image, _, hole = shot(1.5)

    alone, together = (
        paint_seen_background(image, hole, views, max_difference=20).unseen.sum()
        for views in ([view(2.2)], [view(2.2), view(0.8)])
    )

    assert together < alone


@pytest.mark.parametrize(
    "other",
    [
        View(texture(HEIGHT, WIDTH, (90, 90, 120), seed=7), np.zeros((HEIGHT, WIDTH), bool)),
        View(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), np.zeros((HEIGHT, WIDTH), bool)),
    ],
    ids=["another place", "nothing to hold on to"],
)
def test_a_frame_that_shows_something_else_is_not_used(other: View) -> None:
    image, _, hole = shot(1.5)

    plate = paint_seen_background(image, hole, [other], max_difference=20)

    assert np.array_equal(plate.unseen, hole)
    assert np.array_equal(plate.image, image)


def test_a_frame_that_differs_around_the_hole_is_not_used_there() -> None:
    image, _, hole = shot(1.5)
    other = view(3.2)
    near = grow_to_hole(hole, 0.1)
    changed = other.image.copy()
    changed[near] = texture(HEIGHT, WIDTH, (90, 140, 160), seed=9)[near]

    plate = paint_seen_background(image, hole, [View(changed, other.mask)], max_difference=20)

    assert plate.unseen[hole].mean() > 0.9
