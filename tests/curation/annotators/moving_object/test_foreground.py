"""The foreground network that ships, and what the locator makes of what a network says."""

import pickle
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.annotators.moving_object.foreground import FOREGROUND_WEIGHTS, Foreground, ForegroundNetwork, Plane
from curation.annotators.moving_object.foreground_zoom import zoomed_foreground
from curation.annotators.moving_object.locator import MovingObjectConfig, MovingObjectLocator
from curation.annotators.protocols import Scene
from curation.records import EntityWord, Image, LocatedEntity, Mask, ReferenceFrame
from dataset_schema import Annotator, EntityKind
from tests.curation.moving_scenes import Sprite, draw_face, reference_frames, scene, texture

RED = (190, 70, 60)
BLUE = (60, 80, 190)

DOG = EntityWord(word="fluffy dog", kind=EntityKind.SUBJECT, start=2, end=12)
CHEF = EntityWord(word="grey-haired chef", kind=EntityKind.SUBJECT, start=2, end=18)


class Knows:
    """Calls foreground what has one of its colors, if that fills enough of the picture."""

    def __init__(self, *colors: tuple[int, int, int], from_share: float = 0.0) -> None:
        self._colors = colors
        self._from_share = from_share
        self.pictures: list[Image] = []

    def describe(self) -> Annotator:
        return Annotator(job="locate", name="colors", revision="1")

    def load(self) -> None: ...

    def probability(self, picture: Image) -> Plane:
        self.pictures.append(picture)
        smooth = cv2.GaussianBlur(picture, (0, 0), 2).astype(np.float32)
        known = np.zeros(picture.shape[:2], np.float32)
        for color in self._colors:
            known[np.abs(smooth - color).max(axis=-1) < 50] = 1
        return known if known.mean() >= self._from_share else np.zeros_like(known)


def locate(frames: Sequence[ReferenceFrame], network: Foreground, word: EntityWord = DOG) -> dict[int, LocatedEntity]:
    found = MovingObjectLocator(MovingObjectConfig(), network).locate([Scene(frames, [word])])[0]
    return {entity.reference_index: entity for entity in found}


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.fixture(scope="module")
def network() -> ForegroundNetwork:
    network = ForegroundNetwork()
    network.load()
    return network


def test_what_ships_is_named_by_its_hash_which_its_card_states() -> None:
    digest = sha256((FOREGROUND_WEIGHTS / "selfie_segmentation.tflite").read_bytes()).hexdigest()

    described = ForegroundNetwork().describe()

    assert described.weights_sha256 == digest
    assert digest in (FOREGROUND_WEIGHTS / "README.md").read_text(encoding="utf-8")
    assert "Apache License" in (FOREGROUND_WEIGHTS / "LICENSE").read_text(encoding="utf-8")
    assert MovingObjectLocator(MovingObjectConfig()).describe().weights_sha256 == digest


def test_missing_weights_are_said_before_and_when_they_are_loaded(tmp_path: Path) -> None:
    for step in (ForegroundNetwork(tmp_path).describe, ForegroundNetwork(tmp_path).load):
        with pytest.raises(FileNotFoundError, match="install the package again"):
            step()


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "selfie_segmentation.tflite").write_bytes(b"no network" * 100)

    with pytest.raises(ValueError, match="TFLite"):
        ForegroundNetwork(tmp_path).load()


def test_a_network_that_is_not_loaded_says_so() -> None:
    with pytest.raises(RuntimeError, match="load"):
        ForegroundNetwork().probability(np.zeros((8, 8, 3), np.uint8))


def test_a_locator_travels_to_its_worker_before_it_is_loaded() -> None:
    copy: MovingObjectLocator = pickle.loads(pickle.dumps(MovingObjectLocator(MovingObjectConfig())))

    copy.load()

    assert copy.locate([Scene([], [DOG])]) == [[]]


def test_finds_a_person_and_says_the_same_every_time(network: ForegroundNetwork) -> None:
    picture = texture(240, 320, (120, 130, 90), seed=5)
    cv2.ellipse(picture, (160, 260), (90, 110), 0, 0, 360, (60, 70, 120), -1)
    picture = draw_face(picture, (160, 90), 110)

    first, second = network.probability(picture), network.probability(picture)
    network.load()

    assert np.array_equal(first, second)
    assert np.array_equal(first, network.probability(picture))
    assert first.shape == (240, 320)
    assert first.min() >= 0
    assert first.max() <= 1
    assert first[70:110, 140:180].mean() > 0.8
    assert first[:60, :60].mean() < 0.2


def test_what_rests_belongs_to_the_subject_where_the_network_knows_it_and_it_looks_alike() -> None:
    head = Sprite((26, 20), RED, lambda t: (224 + 16 * np.sin(9 * t), 70))
    body = Sprite((40, 50), RED, lambda _: (224, 138))
    bystander = Sprite((40, 24), BLUE, lambda _: (290, 56))
    at = scene([bystander, body, head])
    frames = reference_frames(at)

    with_network = locate(frames, Knows(RED, BLUE))
    by_motion = locate(frames, Knows())

    assert set(with_network) == {0, 1, 2}
    for index, entity in with_network.items():
        _, *subject = at(frames[index].time_s)[2]
        assert iou(entity.mask, np.any(subject, axis=0)) > 0.8
    assert all(iou(e.mask, np.any(at(frames[i].time_s)[2][1:], axis=0)) < 0.5 for i, e in by_motion.items())


def test_a_subject_that_pauses_is_recognised_by_the_network() -> None:
    at = scene([Sprite((50, 40), RED, lambda t: (120 + 70 * min(t, 1.0), 120))])
    frames = reference_frames(at)

    assert set(locate(frames, Knows())) == {0}
    located = locate(frames, Knows(RED))

    assert set(located) == {0, 1, 2}
    assert all(iou(e.mask, at(frames[i].time_s)[2][0]) > 0.8 for i, e in located.items())


def test_foreground_that_never_moves_is_no_subject() -> None:
    at = scene([Sprite((50, 40), RED, lambda _: (220, 120))])

    assert locate(reference_frames(at), Knows(RED)) == {}


def test_what_moves_is_no_person_unless_the_network_knows_it() -> None:
    frames = reference_frames(scene([Sprite((45, 32), BLUE, lambda t: (120 + 90 * t, 120))]))

    assert set(locate(frames, Knows(RED), CHEF)) == set()
    assert set(locate(frames, Knows(RED), DOG)) == {0, 1, 2}
    assert set(locate(frames, Knows(BLUE), CHEF)) == {0, 1, 2}


def test_what_is_small_in_the_frame_is_looked_at_closely() -> None:
    frame = np.full((240, 400, 3), 90, np.uint8)
    frame[100:130, 180:220] = RED
    region = frame[..., 0] == RED[0]
    network = Knows(RED, from_share=0.1)

    close = zoomed_foreground(network, frame, network.probability(frame), region)

    assert network.pictures[-1].shape == (80, 80, 3)
    assert iou(close > 0.5, region) > 0.85


def test_a_crop_that_cuts_what_it_finds_is_not_believed() -> None:
    frame = np.full((240, 400, 3), 90, np.uint8)
    frame[40:200, 180:220] = RED
    region = np.zeros((240, 400), bool)
    region[100:140, 180:220] = True
    network = Knows(RED)
    whole = 0.9 * network.probability(frame)

    assert zoomed_foreground(network, frame, whole, region) is whole
