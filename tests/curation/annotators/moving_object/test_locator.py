"""The moving-object locator against scenes whose masks are known."""

from collections.abc import Sequence

import numpy as np
import pytest

from curation.annotators.moving_object.camera_motion import align_neighbours
from curation.annotators.moving_object.locator import MovingObjectConfig, MovingObjectLocator
from curation.annotators.protocols import Scene
from curation.records import EntityWord, LocatedEntity, Mask, ReferenceFrame
from dataset_schema import EntityKind
from tests.curation.moving_scenes import STEP_S, Sprite, reference_frames, scene, still_frames, texture

RED = (190, 70, 60)
BLUE = (60, 80, 190)

DOG = EntityWord(word="dog", kind=EntityKind.SUBJECT, start=2, end=5)
CAT = EntityWord(word="cat", kind=EntityKind.SUBJECT, start=12, end=15)
BALL = EntityWord(word="ball", kind=EntityKind.OBJECT, start=20, end=24)


def locate(frames: Sequence[ReferenceFrame], *words: EntityWord) -> list[LocatedEntity]:
    locator = MovingObjectLocator(MovingObjectConfig())
    locator.load()
    return locator.locate([Scene(frames, words)])[0]


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_sprite_over_a_panned_background_is_outlined_in_every_frame() -> None:
    at = scene([Sprite((45, 32), RED, lambda t: (120 + 90 * t, 120 + 25 * np.sin(4 * t)))], pan_px_per_s=50)
    frames = reference_frames(at)

    located = locate(frames, DOG)

    assert [entity.reference_index for entity in located] == [0, 1, 2]
    for entity, frame in zip(located, frames, strict=True):
        assert iou(entity.mask, at(frame.time_s)[2][0]) > 0.85


def test_the_mask_is_as_large_as_the_full_size_frame() -> None:
    at = scene([Sprite((45, 32), RED, lambda t: (120 + 90 * t, 120))])
    frames = tuple(
        ReferenceFrame(
            index=frame.index,
            time_s=frame.time_s,
            image=frame.image.repeat(2, axis=0).repeat(2, axis=1),
            neighbours=frame.neighbours,
            neighbour_times_s=frame.neighbour_times_s,
            centre=frame.centre,
        )
        for frame in reference_frames(at)
    )

    located = locate(frames, DOG)

    truth = at(frames[1].time_s)[2][0].repeat(2, axis=0).repeat(2, axis=1)
    assert iou(located[1].mask, truth) > 0.85


def test_the_word_is_the_only_subject_wherever_it_stands() -> None:
    at = scene([Sprite((45, 32), RED, lambda t: (120 + 90 * t, 120))])

    located = locate(reference_frames(at), BALL, DOG)

    assert {entity.word_index for entity in located} == {1}


@pytest.mark.parametrize("words", [(DOG, CAT), (BALL,), ()], ids=["two subjects", "no subject", "no word"])
def test_nothing_is_answered_when_motion_cannot_tell_which_word_it_is(words: tuple[EntityWord, ...]) -> None:
    at = scene([Sprite((45, 32), RED, lambda t: (120 + 90 * t, 120))])

    assert locate(reference_frames(at), *words) == []


@pytest.mark.parametrize("pan_px_per_s", [0.0, 60.0], ids=["static", "panned"])
def test_nothing_is_found_in_a_scene_without_motion_of_its_own(pan_px_per_s: float) -> None:
    at = scene([Sprite((45, 32), RED, lambda t: (224, 120))] if not pan_px_per_s else [], pan_px_per_s=pan_px_per_s)

    assert locate(reference_frames(at), DOG) == []


def test_nothing_is_found_in_noise_and_in_flat_pictures() -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (252, 448, 3), dtype=np.uint8) for _ in range(9)]
    flat = [np.full((252, 448, 3), 90, np.uint8)] * 9
    times = tuple(step * STEP_S for step in range(9))
    for pictures in (noise, flat):
        frame = ReferenceFrame(
            index=4,
            time_s=times[4],
            image=pictures[4],
            neighbours=np.stack(pictures),
            neighbour_times_s=times,
            centre=4,
        )

        assert locate([frame], DOG) == []


def test_a_frame_without_neighbours_is_left_unanswered() -> None:
    assert locate(still_frames(texture(120, 200, RED, seed=3)), DOG) == []


def test_of_two_sprites_one_is_followed_through_all_frames() -> None:
    at = scene(
        [
            Sprite((50, 36), RED, lambda t: (110 + 85 * t, 80)),
            Sprite((22, 18), BLUE, lambda t: (330 - 60 * t, 195)),
        ]
    )
    frames = reference_frames(at)

    located = locate(frames, DOG)

    truths = [at(frames[entity.reference_index].time_s)[2] for entity in located]
    followed = [[iou(entity.mask, mask) for mask in masks] for entity, masks in zip(located, truths, strict=True)]
    assert len(located) >= 2
    assert not any(entity.is_ambiguous for entity in located)
    assert min(np.max(followed, axis=1)) > 0.8
    assert len(set(np.argmax(followed, axis=1))) == 1


def test_of_two_sprites_that_move_alike_neither_is_surely_meant() -> None:
    at = scene(
        [
            Sprite((40, 30), RED, lambda t: (110 + 85 * t, 70)),
            Sprite((40, 30), BLUE, lambda t: (340 - 85 * t, 185)),
        ]
    )

    located = locate(reference_frames(at), DOG)

    assert located
    assert all(entity.is_ambiguous for entity in located)


def test_a_sprite_that_leaves_is_not_found_once_it_is_gone() -> None:
    at = scene([Sprite((45, 32), RED, lambda t: (150 + 250 * t, 120))])
    frames = reference_frames(at, times_s=(0.35, 0.7, 2.6))

    located = locate(frames, DOG)

    assert 2 not in {entity.reference_index for entity in located}
    assert 0 in {entity.reference_index for entity in located}


def test_answers_are_the_same_every_time() -> None:
    at = scene([Sprite((45, 32), RED, lambda t: (120 + 90 * t, 120))], pan_px_per_s=30)
    frames = reference_frames(at)

    first, second = locate(frames, DOG), locate(frames, DOG)

    assert len(first) == len(second) == 3
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first, second, strict=True))


def test_aligning_undoes_a_pan() -> None:
    frame = reference_frames(scene([], pan_px_per_s=60))[1]

    aligned = align_neighbours(frame)

    assert len(aligned) == 8
    for neighbour in aligned:
        unaligned = frame.neighbours[4 + round(neighbour.offset_s / STEP_S)]
        difference = np.abs(neighbour.image.astype(int) - frame.image)[neighbour.visible]
        before = np.abs(unaligned.astype(int) - frame.image)[neighbour.visible]
        assert np.median(difference) <= 3
        assert np.median(difference) < np.median(before) / 2
        assert np.median(np.linalg.norm(neighbour.motion, axis=-1)[neighbour.visible]) < 0.2


@pytest.mark.parametrize("field", [{"min_confidence": 1.5}, {"working_side": 10}])
def test_a_senseless_config_is_refused(field: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        MovingObjectConfig(**field)  # type: ignore[arg-type]  # the values are wrong on purpose
