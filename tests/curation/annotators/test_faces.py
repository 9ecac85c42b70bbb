"""The face detector on drawn faces, whose place is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.annotators import faces
from curation.annotators.faces import BlazeFaceConfig, BlazeFaceDetector
from curation.records import Image
from tests.curation.moving_scenes import draw_face, texture


@pytest.fixture(scope="module")
def detector() -> BlazeFaceDetector:
    loaded = BlazeFaceDetector(BlazeFaceConfig())
    loaded.load()
    return loaded


def with_face(center: tuple[int, int], side: int, size: tuple[int, int] = (300, 400)) -> Image:
    return draw_face(np.full((*size, 3), 90, np.uint8), center, side)


@pytest.mark.parametrize(("center", "side"), [((200, 150), 120), ((130, 160), 160), ((260, 150), 200), ((330, 60), 40)])
def test_a_face_is_found_where_it_was_drawn(detector: BlazeFaceDetector, center: tuple[int, int], side: int) -> None:
    (face,) = detector.detect(with_face(center, side))

    # From below the brows to the chin, and about as wide: some 0.85 of the drawn head, and a little lower.
    assert abs((face.x0 + face.x1) / 2 - center[0]) < 0.1 * side
    assert abs((face.y0 + face.y1) / 2 - center[1]) < 0.15 * side
    assert 0.65 * side < face.x1 - face.x0 < 1.05 * side
    assert 0.65 * side < face.y1 - face.y0 < 1.05 * side
    assert 0.5 < face.score < 1


@pytest.mark.parametrize("angle_deg", [-40, -20, 20, 40])
def test_a_tilted_face_is_found(detector: BlazeFaceDetector, angle_deg: float) -> None:
    turn = cv2.getRotationMatrix2D((200, 150), angle_deg, 1)
    image = cv2.warpAffine(with_face((200, 150), 120), turn, (400, 300), borderValue=(90, 90, 90))

    (face,) = detector.detect(image)

    assert abs((face.x0 + face.x1) / 2 - 200) < 20
    assert abs((face.y0 + face.y1) / 2 - 150) < 20


@pytest.mark.parametrize("size", [(1200, 900), (900, 1200)])
def test_faces_are_given_in_the_pictures_own_pixels(detector: BlazeFaceDetector, size: tuple[int, int]) -> None:
    (face,) = detector.detect(with_face((700, 500), 150, size))

    assert abs((face.x0 + face.x1) / 2 - 700) < 15
    assert abs((face.y0 + face.y1) / 2 - 500) < 25


def test_a_face_at_the_edge_stays_inside_the_picture(detector: BlazeFaceDetector) -> None:
    (face,) = detector.detect(with_face((40, 150), 160))

    assert face.x0 == 0
    assert 70 < face.x1 < 120


def test_no_face_is_found_in_textures(detector: BlazeFaceDetector) -> None:
    assert [f for seed in range(4) for f in detector.detect(texture(300, 400, (150, 120, 100), seed))] == []


def test_a_proposal_that_a_nearer_look_does_not_confirm_is_no_face(detector: BlazeFaceDetector) -> None:
    image = with_face((200, 150), 120)
    alone = BlazeFaceDetector(BlazeFaceConfig(min_score=0.95))
    alone.load()

    assert alone._look(image, (0, 0, 400, 300), 0.4) != []
    assert alone.detect(image) == []


def test_the_best_face_comes_first_and_every_call_says_the_same(detector: BlazeFaceDetector) -> None:
    image = np.full((300, 640, 3), 90, np.uint8)
    for center in ((160, 150), (480, 150)):
        image = draw_face(image, center, 140 if center[0] < 300 else 170)

    found = detector.detect(image)

    assert len(found) == 2
    assert [face.score for face in found] == sorted((face.score for face in found), reverse=True)
    assert detector.detect(image) == found


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (31, 31)])
def test_nothing_is_found_where_no_face_fits(detector: BlazeFaceDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_the_weights_are_named_by_their_hash() -> None:
    described = BlazeFaceDetector(BlazeFaceConfig()).describe()

    card = (faces._WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    assert described.weights_sha256 is not None
    assert described.weights_sha256 in card


def test_missing_weights_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "_WEIGHTS", Path("nowhere.tflite"))

    for ask in (BlazeFaceDetector(BlazeFaceConfig()).describe, BlazeFaceDetector(BlazeFaceConfig()).load):
        with pytest.raises(FileNotFoundError, match=r"nowhere\.tflite"):
            ask()


def test_detecting_before_loading_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="load"):
        BlazeFaceDetector(BlazeFaceConfig()).detect(np.zeros((40, 40, 3), np.uint8))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_proposal_score": 0.7}, "min_proposal_score"),
        ({"nearer_sides": 0.5}, "nearer"),
        ({"same_face_iou": 1}, "iou"),
    ],
)
def test_an_impossible_setting_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BlazeFaceConfig(**settings)
