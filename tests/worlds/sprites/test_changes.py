"""What changes between two pictures of a subject: drawn pixels, truth and captions agree."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from worlds.sprites import (
    Change,
    ChangesConfig,
    RenderedShot,
    SmallWorldConfig,
    State,
    alternatives,
    in_state,
    make_world,
    opposite,
    plan_in_small_world,
    read_truth,
    render_shot,
)

SIDE = 144
ALL = ChangesConfig(kinds=tuple(Change))
WORLD = SmallWorldConfig(seed=1, clips=6, frames=18, height=SIDE, width=SIDE, subjects=(1,), changes=ALL)
PAIRS = replace(WORLD, clips=3, width=2 * SIDE, subjects=(2,))
STILL = replace(WORLD, frames=2, changes=ChangesConfig())
ANIMALS = ("elephant", "cat", "fish", "rabbit")

# What the world drew before there were changes in it.
BEFORE_CHANGES = "589edf03b35dacd8"


def drawn(config: SmallWorldConfig, index: int) -> dict[str, Any]:
    plan = plan_in_small_world(config, index)
    subjects = [
        {name: value for name, value in asdict(who).items() if name != "state"} for who in plan.shots[0].subjects
    ]
    return {"caption": plan.caption, "frames": [shot.frames for shot in plan.shots], "subjects": subjects}


def test_a_world_without_changes_is_what_it_was() -> None:
    plans = [drawn(SmallWorldConfig(seed=7, jitter=jitter), index) for jitter in (0.0, 1.0) for index in range(30)]

    digest = hashlib.sha256(json.dumps(plans, default=float).encode()).hexdigest()

    assert digest[:16] == BEFORE_CHANGES


def test_the_truth_about_a_world_without_changes_is_written_as_it_was(tmp_path: Path) -> None:
    make_world(tmp_path, SmallWorldConfig(clips=1, frames=2, height=48, width=96))

    (subject,) = json.loads((tmp_path / "truth" / "0000.json").read_text())["subjects"]
    assert set(subject) == {"word", "kind", "texture", "boxes"}
    assert read_truth(tmp_path / "truth" / "0000.json").subjects[0].state == ()


def shown(word: str, state: State) -> RenderedShot:
    """An animal in a state, at the same spot and in the same texture whatever the state."""
    shot = plan_in_small_world(replace(STILL, words=(word,)), 0).shots[0]
    return render_shot(replace(shot, subjects=(in_state(shot.subjects[0], state),)), height=SIDE, width=SIDE)


def mask(word: str, *state: str) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = shown(word, state).labels[0] == 1
    return found


@pytest.mark.parametrize("word", ANIMALS)
def test_facing_west_is_facing_east_in_a_mirror(word: str) -> None:
    east, west = (shown(word, (side, "large")) for side in ("facing east", "facing west"))

    columns = (east.labels[0] == 1).any(axis=0).nonzero()[0]
    there = slice(columns[0], columns[-1] + 1)
    mirrored = (east.labels[0] == 1)[:, there][:, ::-1]
    assert (mirrored != (west.labels[0] == 1)[:, there]).mean() < 0.03
    seen = cv2.erode(mirrored.astype(np.uint8), np.ones((5, 5))) > 0
    difference = east.video[0][:, there][:, ::-1].astype(int) - west.video[0][:, there]
    assert np.abs(difference[seen]).mean() < 6


@pytest.mark.parametrize("word", ANIMALS)
@pytest.mark.parametrize("facing", ["facing east", "facing west"])
def test_the_head_of_one_that_rears_is_higher(word: str, facing: str) -> None:
    """By half a turn of the 30 degrees between rearing and bowing to either side."""
    turns = []
    for lean in ("rearing", "bowing"):
        rows, columns = mask(word, facing, lean, "large").nonzero()
        x, y = columns - columns.mean(), rows - rows.mean()
        turns.append(0.5 * np.degrees(np.arctan2(2 * (x * y).mean(), (x**2).mean() - (y**2).mean())))

    # In pixels y goes down, so what faces right bows clockwise; what faces left rears clockwise.
    bows_by = (turns[1] - turns[0] + 90) % 180 - 90
    assert bows_by == pytest.approx(30 if facing == "facing east" else -30, abs=2.5)


@pytest.mark.parametrize("word", ANIMALS)
def test_in_the_shade_all_colors_are_halved_and_nothing_else(word: str) -> None:
    sunlit, shaded = (shown(word, (side,)) for side in ("sunlit", "shaded"))

    np.testing.assert_array_equal(sunlit.labels, shaded.labels)
    inside = cv2.erode(sunlit.labels[0], np.ones((5, 5))) == 1
    around = cv2.dilate(sunlit.labels[0], np.ones((5, 5))) == 0
    difference = np.abs(shaded.video[0][inside] - 0.5 * sunlit.video[0][inside])
    assert np.quantile(difference, 0.98) <= 1.5  # between the ears of a rabbit a little of the place shows
    np.testing.assert_array_equal(shaded.video[0][around], sunlit.video[0][around])


@pytest.mark.parametrize("word", ANIMALS)
def test_a_small_one_is_a_large_one_scaled(word: str) -> None:
    plain, large, small = (mask(word, *state) for state in ((), ("large",), ("small",)))

    assert np.sqrt(large.sum() / plain.sum()) == pytest.approx(0.85, abs=0.02)
    assert np.sqrt(small.sum() / plain.sum()) == pytest.approx(0.65, abs=0.02)


@pytest.mark.parametrize("config", [WORLD, PAIRS], ids=["one", "two"])
def test_the_truth_is_what_is_drawn_and_told(config: SmallWorldConfig, tmp_path: Path) -> None:
    make_world(tmp_path, config)

    for index in range(config.clips):
        truth, plan = read_truth(tmp_path / f"truth/{index:04d}.json"), plan_in_small_world(config, index)
        count = config.subjects[0]
        firsts, seconds = truth.subjects[:count], truth.subjects[count:]
        assert truth.shot_starts == (0, 9)
        assert [each.state for each in truth.subjects] == [who.state for shot in plan.shots for who in shot.subjects]
        assert [each.texture for each in seconds] == [each.texture for each in firsts]
        parts = truth.caption.split(" moves ")[:-1]
        for first, second, part in zip(firsts, seconds, parts, strict=True):
            assert [box is None for box in first.boxes] == [frame >= 9 for frame in range(18)]
            assert [box is None for box in second.boxes] == [frame < 9 for frame in range(18)]
            assert not [word for word in opposite(first.state) if word in part]
            assert first.word in part


def test_captions_tell_about_as_often_as_they_are_to() -> None:
    config = replace(WORLD, changes=replace(ALL, told_share=0.25))

    plans = [plan_in_small_world(config, index) for index in range(200)]

    told = [word in plan.caption for plan in plans for word in plan.shots[0].subjects[0].state]
    assert np.mean(told) == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / len(told)))


def test_the_state_that_follows_says_nothing_of_the_one_before() -> None:
    plans = [plan_in_small_world(WORLD, index) for index in range(200)]

    pairs = [tuple(shot.subjects[0].state for shot in plan.shots) for plan in plans]
    same = np.array([[one == other for one, other in zip(*pair, strict=True)] for pair in pairs])
    assert {len(set(column)) for column in zip(*(state for pair in pairs for state in pair), strict=True)} == {2}
    assert (np.abs(same.mean(axis=0) - 0.5) < 4 * 0.5 / np.sqrt(len(plans))).all()


def test_a_clip_depends_on_its_index_alone_and_looks_alike_at_first_however_long_it_is() -> None:
    for index in range(8):
        plan, short = plan_in_small_world(WORLD, index), plan_in_small_world(replace(WORLD, frames=9), index)

        assert plan_in_small_world(replace(WORLD, clips=99), index) == plan
        assert short.shots == plan.shots[:1]


def test_subjects_stay_in_the_frame_in_every_state_and_nothing_else_changes() -> None:
    shot = plan_in_small_world(replace(STILL, words=("elephant",)), 0).shots[0]
    for state in alternatives(("facing east", "rearing", "sunlit", "large")):
        subject = in_state(shot.subjects[0], state)
        seen = render_shot(replace(shot, subjects=(subject,)), height=SIDE, width=SIDE).labels == 1

        edges = (seen[:, 0], seen[:, -1], seen[:, :, 0], seen[:, :, -1])
        assert not any(edge.any() for edge in edges)
        assert (subject.texture, subject.word) == (shot.subjects[0].texture, shot.subjects[0].word)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kinds": (Change.SIZE, Change.SIZE)}, "kinds size, size, expected each of them once"),
        ({"told_share": 1.5}, "told_share is 1.5"),
        ({"every_frames": 1}, "every_frames"),
        ({"kinds": ("mood",)}, "mood"),
    ],
)
def test_impossible_changes_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChangesConfig(**values)
