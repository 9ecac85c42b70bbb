import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from dataset_schema import Box, Bucket, EntityKind
from modeling.data.video import decode_clip
from worlds.sprites import (
    ClipTruth,
    Place,
    SmallWorldConfig,
    Way,
    make_world,
    plan_in_small_world,
    read_truth,
    render_shot,
)

CONFIG = SmallWorldConfig(clips=14, seed=2)
LOOSE = replace(CONFIG, clips=8, jitter=1.0)
WIDE = SmallWorldConfig(clips=5, frames=4, width=576, subjects=(3,))

PARTS = re.compile(r"\b(an?) (\w+) moves (left|right|up|down)\b", re.IGNORECASE)
STEPS = {Way.LEFT: (-1, 0), Way.RIGHT: (1, 0), Way.UP: (0, -1), Way.DOWN: (0, 1)}


@pytest.fixture(scope="module", params=[CONFIG, LOOSE, WIDE], ids=["on the grid", "off the grid", "three"])
def config(request: pytest.FixtureRequest) -> SmallWorldConfig:
    chosen: SmallWorldConfig = request.param
    return chosen


@pytest.fixture(scope="module")
def truths(config: SmallWorldConfig, tmp_path_factory: pytest.TempPathFactory) -> list[ClipTruth]:
    folder = make_world(tmp_path_factory.mktemp("small_world"), config).parent
    return [read_truth(path) for path in sorted((folder / "truth").glob("*.json"))]


def boxes(truth: ClipTruth) -> npt.NDArray[np.float64]:
    """(subjects, frames, 4): x0, y0, x1, y1; every subject can be seen in every frame."""
    return np.array([[corners(box) for box in subject.boxes] for subject in truth.subjects])


def corners(box: Box | None) -> tuple[float, float, float, float]:
    assert box is not None
    return box.x0, box.y0, box.x1, box.y1


def middles(truth: ClipTruth) -> npt.NDArray[np.float64]:
    """(subjects, frames, 2): x, y."""
    return (boxes(truth)[..., :2] + boxes(truth)[..., 2:]) / 2


def ways(caption: str) -> list[Way]:
    return [Way(way) for _, _, way in PARTS.findall(caption)]


def test_a_caption_names_words_ways_and_the_place_and_nothing_else() -> None:
    passages = {
        Place.MEADOW: "in the meadow",
        Place.BEACH: "on the beach",
        Place.SNOW: "in the snow",
        Place.SEA: "in the sea",
    }

    for index in range(40):
        plan = plan_in_small_world(CONFIG, index)
        parts = PARTS.findall(plan.caption)
        assert len(parts) == (1, 2)[index % 2]
        assert all((article.lower() == "an") == (word == "elephant") for article, word, _ in parts)
        assert PARTS.sub("-", plan.caption) == f"{' and '.join('-' for _ in parts)} {passages[plan.shots[0].place]}."
        assert [(word.word, word.kind) for word in plan.words] == [
            *((word, EntityKind.SUBJECT) for _, word, _ in parts),
            (plan.shots[0].place.value, EntityKind.BACKGROUND),
        ]


def test_three_subjects_are_listed() -> None:
    caption = plan_in_small_world(WIDE, 0).caption

    assert re.fullmatch(r"An? \w+ moves \w+, an? \w+ moves \w+ and an? \w+ moves \w+ (in|on) the \w+\.", caption)


def test_the_caption_names_the_subjects_from_left_to_right(truths: list[ClipTruth]) -> None:
    for truth in truths:
        x0, x1 = boxes(truth)[..., 0], boxes(truth)[..., 2]
        assert [subject.word for subject in truth.subjects] == [word for _, word, _ in PARTS.findall(truth.caption)]
        assert (x1[:-1].max(axis=1) <= x0[1:].min(axis=1)).all(), truth.caption


def test_every_subject_stays_in_its_region(config: SmallWorldConfig, truths: list[ClipTruth]) -> None:
    side = config.height
    firsts = {1: side / 3, 2: 0, 3: 0}  # in a frame twice as wide as high, or three times for three

    for truth in truths:
        for number, found in enumerate(boxes(truth)):
            left = firsts[len(truth.subjects)] + number * side
            assert left <= found[:, 0].min()
            assert found[:, 2].max() <= left + side
            sizes = found[:, 2:] - found[:, :2]  # nothing is cut off at the top or bottom
            assert np.ptp(sizes, axis=0).max() <= 1


def test_every_subject_goes_where_the_caption_says(config: SmallWorldConfig, truths: list[ClipTruth]) -> None:
    third = config.height / 3
    for truth in truths:
        moved = middles(truth)[:, -1] - middles(truth)[:, 0]
        for (across, down), way in zip(moved, ways(truth.caption), strict=True):
            covered = across * STEPS[way][0] + down * STEPS[way][1]
            assert abs(across * STEPS[way][1]) + abs(down * STEPS[way][0]) <= 1
            assert third / 2 - 1 <= covered <= third + 1 if config.jitter else covered == pytest.approx(third, abs=1)


def test_ways_begin_on_the_grid_only_without_jitter(config: SmallWorldConfig, truths: list[ClipTruth]) -> None:
    """At 48 pixels high, cells of 32 pixels begin on a grid of 16."""
    scale = 48 / config.height
    begins = np.concatenate([middles(truth)[:, 0] for truth in truths]) * scale - 16

    off_grid = np.abs(begins - 16 * np.round(begins / 16)).max(axis=1)

    if config.jitter:
        assert (off_grid > 1).mean() > 0.8
    else:
        assert off_grid.max() <= 0.5


@pytest.mark.parametrize(("share", "shares_its_word"), [(1.0, True), (0.0, False)])
def test_the_words_of_a_clip_are_one_or_all_differ(share: float, shares_its_word: bool) -> None:
    config = SmallWorldConfig(height=96, width=288, subjects=(2, 3), same_word_share=share)

    for index in range(60):
        words = [subject.word for subject in plan_in_small_world(config, index).shots[0].subjects]
        assert len(set(words)) == (1 if shares_its_word else len(words))


def test_words_places_and_ways_are_all_shown() -> None:
    plans = [plan_in_small_world(CONFIG, index) for index in range(120)]

    assert {word.word for plan in plans for word in plan.words} == {*CONFIG.words, *CONFIG.places}
    assert {way for plan in plans for way in ways(plan.caption)} == set(Way)


def test_a_clip_depends_on_the_seed_and_its_index_alone() -> None:
    plan = plan_in_small_world(CONFIG, 3)

    assert plan_in_small_world(replace(CONFIG, clips=100), 3) == plan
    assert plan_in_small_world(CONFIG, 5) != plan
    assert plan_in_small_world(replace(CONFIG, seed=3), 3) != plan


def test_no_texture_comes_twice_in_two_worlds() -> None:
    textures = [
        replace(subject.texture, seed=0)
        for seed in (0, 1)
        for index in range(300)
        for subject in plan_in_small_world(replace(CONFIG, seed=seed), index).shots[0].subjects
    ]

    assert len(textures) == 2 * 450
    assert len(set(textures)) == len(textures)


def test_a_place_always_looks_the_same() -> None:
    plans = [plan_in_small_world(replace(CONFIG, frames=2), index) for index in range(12)]
    shown: dict[Place, list[npt.NDArray[np.int16]]] = {}
    for plan in plans:
        shot = render_shot(plan.shots[0], height=96, width=192)
        hidden = cv2.dilate((shot.labels[0] > 0).astype(np.uint8), np.ones((5, 5))) > 0
        shown.setdefault(plan.shots[0].place, []).append(
            np.where(hidden[..., None], -1, shot.video[0].astype(np.int16))
        )

    assert len(shown) == len(CONFIG.places)
    for first, *others in shown.values():
        for other in others:
            seen = (first >= 0) & (other >= 0)
            assert seen.mean() > 0.3
            np.testing.assert_array_equal(first[seen], other[seen])
    firsts = [pictures[0] for pictures in shown.values()]
    assert all(np.abs(firsts[i] - firsts[j]).mean() > 15 for i in range(len(firsts)) for j in range(i))


def test_a_video_in_its_bucket_shows_the_subjects_where_the_truth_says(tmp_path: Path) -> None:
    config = replace(CONFIG, clips=4)
    make_world(tmp_path, config)

    for index in range(config.clips):
        video = decode_clip(tmp_path / f"videos/{index:04d}.mp4", Bucket.parse("9x48x96")).astype(int)
        labels = read_truth(tmp_path / f"truth/{index:04d}.json").labels()[:9]
        scene = replace(plan_in_small_world(config, index).shots[0], subjects=())
        place = render_shot(scene, height=config.height, width=config.width).video[0]
        empty = cv2.resize(place, (96, 48), interpolation=cv2.INTER_AREA).astype(int)
        for frame, label in zip(video, labels, strict=True):
            mask = cv2.resize((label > 0).astype(np.float32), (96, 48), interpolation=cv2.INTER_AREA)
            changed = np.abs(frame - empty).max(axis=-1) > 40
            assert changed[mask == 1].mean() > 0.8
            assert changed[cv2.dilate(mask, np.ones((3, 3))) == 0].mean() < 0.02


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clips": 0}, "0 clips of 17 frames, expected at least 1 of 2"),
        ({"frames": 1}, "40 clips of 1 frames"),
        ({"height": 191}, "191x384, expected even numbers from 32"),
        ({"subjects": (1, 3)}, r"192x384 has \(1, 3\) subjects, expected 1 to 2"),
        ({"subjects": (0,)}, r"has \(0,\) subjects"),
        ({"subjects": ()}, r"has \(\) subjects"),
        ({"words": ("cat", "unicorn")}, "words unicorn, expected some of cat, dog"),
        ({"words": ()}, "words none"),
        ({"places": (Place.ROOM,)}, "places room, expected some of meadow"),
        ({"same_word_share": 1.1}, "same_word_share is 1.1"),
        ({"jitter": -0.1}, "jitter is -0.1"),
        ({"words": ("cat",)}, "2 subjects of different words, but only the words cat; name more"),
    ],
)
def test_an_impossible_small_world_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SmallWorldConfig(**changes)
