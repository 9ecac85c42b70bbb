"""The detector that ships: what it says of drawings whose place is known, and of itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from curation.annotators.objects.classes import COCO_CLASSES
from curation.annotators.objects.nanodet import OBJECT_WEIGHTS, NanoDetConfig, NanoDetDetector
from curation.annotators.protocols import ObjectCandidates
from curation.records import Image
from tests.curation.annotators.objects.drawn_objects import Box, clock, iou, stop_sign
from tests.curation.moving_scenes import texture

CLIPS = Path(__file__).resolve().parents[5] / "shared" / "media" / "clips"

# Clips of which each word of the caption has a class, and one thing that it means.
REAL = (
    ("c01", "woman", "person"),
    ("c01", "dog", "dog"),
    ("c03", "blue mug", "cup"),
    ("c07", "fluffy cat", "cat"),
    ("c15", "man", "person"),
    ("c15", "dog", "dog"),
    ("c17", "chef", "person"),
    ("c33", "pink cake", "cake"),
)


class Best(NamedTuple):
    """The candidate with the highest score of all."""

    name: str
    score: float
    box: Box


@pytest.fixture(scope="module")
def detector() -> NanoDetDetector:
    detector = NanoDetDetector()
    detector.load()
    return detector


def best(found: ObjectCandidates) -> Best:
    place, name = np.unravel_index(found.scores.argmax(), found.scores.shape)
    x0, y0, x1, y1 = found.boxes[place].tolist()
    return Best(COCO_CLASSES[name], float(found.scores[place, name]), (x0, y0, x1, y1))


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (37, 100), (101, 203), (1080, 1920), (500, 500)])
def test_an_object_is_found_where_it_was_drawn_in_pixels_of_the_picture(
    detector: NanoDetDetector, size: tuple[int, int]
) -> None:
    drawn = stop_sign(*size)

    found = best(detector.detect([drawn.image])[0])

    assert found.name == "stop sign"
    assert found.score > 0.35
    assert iou(found.box, drawn.box) > 0.85


def known_pictures() -> Iterator[tuple[Image, str, Box]]:
    """Pictures, a class and its box in each: drawings, and frames of real clips where there are any."""
    for size in ((360, 640), (640, 360)):
        yield stop_sign(*size).image, "stop sign", stop_sign(*size).box
        yield clock(*size).image, "clock", clock(*size).box
    if not CLIPS.is_dir():
        return
    boxes = json.loads((CLIPS / "boxes.json").read_text(encoding="utf-8"))["boxes"]
    for clip, word, name in REAL:
        image = frame_at(next(CLIPS.glob(f"{clip}_*.mp4")), 0.05)
        height, width = image.shape[:2]
        (x0, y0, x1, y1), *_ = boxes[clip][word][0]
        yield image, name, (x0 * width / 100, y0 * height / 100, x1 * width / 100, y1 * height / 100)


def frame_at(video: Path, share: float) -> Image:
    """The frame at a share of a video."""
    capture = cv2.VideoCapture(str(video))
    for _ in range(round(capture.get(cv2.CAP_PROP_FRAME_COUNT) * share)):
        capture.grab()
    return np.asarray(capture.read()[1][..., ::-1], np.uint8)


def test_asked_for_a_class_its_best_box_is_the_thing(detector: NanoDetDetector) -> None:
    shared = []
    for image, name, box in known_pictures():
        (found,) = detector.detect([image])
        scores = found.scores[:, COCO_CLASSES.index(name)]
        shared.append(iou(tuple(found.boxes[scores.argmax()].tolist()), box))

    # Boxes of real frames were drawn by eye, within 3 % of the frame.
    assert len(shared) == (4 + len(REAL) if CLIPS.is_dir() else 4)
    assert min(shared) > 0.5
    assert np.mean(shared) > 0.75


def test_a_class_is_told_by_its_name(detector: NanoDetDetector) -> None:
    drawn = clock(360, 640)

    found = best(detector.detect([drawn.image])[0])

    assert found.name == "clock"
    assert found.score > 0.5
    assert iou(found.box, drawn.box) > 0.8


def test_colors_are_read_in_their_order(detector: NanoDetDetector) -> None:
    red = stop_sign(360, 640).image
    sign = COCO_CLASSES.index("stop sign")

    as_red, as_blue = (found.scores[:, sign].max() for found in detector.detect([red, red[..., ::-1]]))

    assert as_red > 0.8
    assert as_blue < as_red - 0.2


def test_a_mirrored_picture_has_mirrored_boxes(detector: NanoDetDetector) -> None:
    image = stop_sign(360, 640).image

    found, mirrored = (best(one) for one in detector.detect([image, image[:, ::-1]]))

    x0, y0, x1, y1 = mirrored.box
    assert iou(found.box, (640 - x1, y0, 640 - x0, y1)) > 0.9


@pytest.mark.parametrize("corner", [(0, 0), (640, 0), (0, 360), (640, 360)])
def test_boxes_end_where_the_picture_ends(detector: NanoDetDetector, corner: tuple[int, int]) -> None:
    image = stop_sign(360, 640, center=corner, radius=150).image

    (found,) = detector.detect([image])

    assert len(found.boxes)
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [640, 360, 640, 360]).all()
    assert (found.boxes[:, :2] < found.boxes[:, 2:]).all()


def test_all_scores_of_overlapping_candidates_are_kept(detector: NanoDetDetector) -> None:
    (found,) = detector.detect([stop_sign(360, 640).image])

    assert found.boxes.shape == (len(found.scores), 4)
    assert found.scores.shape == (len(found.boxes), len(detector.classes)) == (len(found.boxes), 80)
    assert (found.scores.max(axis=1) >= 0.05).all()
    assert sum(iou(tuple(box), best(found).box) > 0.9 for box in found.boxes.tolist()) > 1


def test_more_is_found_below_than_above(detector: NanoDetDetector) -> None:
    strict = NanoDetDetector(NanoDetConfig(min_score=0.5))
    strict.load()
    image = stop_sign(360, 640).image

    (few,), (many,) = strict.detect([image]), detector.detect([image])

    assert 0 < len(few.boxes) < len(many.boxes)
    assert np.array_equal(few.scores, many.scores[many.scores.max(axis=1) >= 0.5])


def test_together_and_alone_pictures_have_the_same_candidates(detector: NanoDetDetector) -> None:
    images = [stop_sign(360, 640).image, clock(640, 360).image, clock(360, 640).image]

    together = detector.detect(images)

    for image, found in zip(images, together, strict=True):
        (alone,) = detector.detect([image])
        assert np.array_equal(found.boxes, alone.boxes)
        assert np.array_equal(found.scores, alone.scores)
    assert detector.detect([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (31, 31)])
def test_the_smallest_pictures_have_an_answer(detector: NanoDetDetector, shape: tuple[int, int]) -> None:
    (found,) = detector.detect([np.full((*shape, 3), 90, np.uint8)])

    assert (found.scores < 0.5).all()


def test_nothing_is_found_in_textures(detector: NanoDetDetector) -> None:
    textures: list[Image] = [texture(300, 400, (150, 120, 100), seed) for seed in range(3)]

    assert all((found.scores < 0.3).all() for found in detector.detect(textures))


def test_what_ships_is_named_by_its_hash_which_its_card_states() -> None:
    described = NanoDetDetector().describe()

    card = (OBJECT_WEIGHTS / "README.md").read_text(encoding="utf-8")
    licence = (OBJECT_WEIGHTS / "LICENSE").read_text(encoding="utf-8")
    assert described.weights_sha256 == "50aa1e4a7ae8b628ed2a6688335b713c3acd8a83b468a43fb7624de8b5674c0d"
    assert described.weights_sha256 in card
    assert "Apache License" in licence
    assert "Copyright 2020-2021 RangiLyu" in licence


def test_the_classes_are_those_of_coco_once_each() -> None:
    assert len(set(COCO_CLASSES)) == len(COCO_CLASSES) == 80
    # Their places among COCO's 80, as its evaluation numbers them.
    assert [COCO_CLASSES.index(name) for name in ("person", "dog", "cup", "tv", "toothbrush")] == [0, 16, 41, 62, 79]


def test_missing_weights_are_said_before_and_when_they_are_loaded(tmp_path: Path) -> None:
    for step in (NanoDetDetector(folder=tmp_path).describe, NanoDetDetector(folder=tmp_path).load):
        with pytest.raises(FileNotFoundError, match="install the package again"):
            step()


def test_detecting_before_loading_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="load"):
        NanoDetDetector().detect([np.zeros((40, 40, 3), np.uint8)])


@pytest.mark.parametrize("min_score", [0.0, 1.0, -0.1])
def test_an_impossible_score_is_refused(min_score: float) -> None:
    with pytest.raises(ValueError, match="min_score"):
        NanoDetConfig(min_score=min_score)
