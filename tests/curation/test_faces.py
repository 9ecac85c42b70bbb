"""The cascade face detector on drawn faces, whose place is known."""

import cv2
import numpy as np
import pytest

from curation.annotators.faces import CascadeFaceConfig, CascadeFaceDetector
from curation.records import Image
from tests.curation.moving_scenes import draw_face, texture


@pytest.fixture(scope="module")
def detector() -> CascadeFaceDetector:
    loaded = CascadeFaceDetector(CascadeFaceConfig())
    loaded.load()
    return loaded


def with_face(center: tuple[int, int], side: int) -> Image:
    return draw_face(np.full((300, 400, 3), 90, np.uint8), center, side)


@pytest.mark.parametrize(("center", "side"), [((200, 150), 120), ((130, 160), 160), ((260, 150), 200)])
def test_a_face_is_found_where_it_was_drawn(detector: CascadeFaceDetector, center: tuple[int, int], side: int) -> None:
    faces = detector.detect(with_face(center, side))

    assert len(faces) == 1
    face = faces[0]
    assert abs((face.x0 + face.x1) / 2 - center[0]) < 0.1 * side
    assert abs((face.y0 + face.y1) / 2 - center[1]) < 0.15 * side
    assert 0.5 < face.score < 1


def test_faces_of_a_large_picture_are_given_in_its_own_pixels(detector: CascadeFaceDetector) -> None:
    image = cv2.resize(with_face((200, 150), 160), (1600, 1200), interpolation=cv2.INTER_CUBIC)

    faces = detector.detect(image)

    assert len(faces) == 1
    assert abs((faces[0].x0 + faces[0].x1) / 2 - 800) < 80


def test_no_face_is_found_in_a_texture(detector: CascadeFaceDetector) -> None:
    assert [f for f in detector.detect(texture(300, 400, (150, 120, 100), seed=4)) if f.score >= 0.5] == []


def test_the_best_face_comes_first(detector: CascadeFaceDetector) -> None:
    image = np.full((300, 640, 3), 90, np.uint8)
    for center in ((160, 150), (480, 150)):
        image = draw_face(image, center, 140 if center[0] < 300 else 170)

    scores = [face.score for face in detector.detect(image)]

    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (31, 31)])
def test_nothing_is_found_where_no_face_fits(detector: CascadeFaceDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_detecting_before_loading_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="load"):
        CascadeFaceDetector(CascadeFaceConfig()).detect(np.zeros((40, 40, 3), np.uint8))


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(ValueError, match="min_side"):
        CascadeFaceConfig(min_side=900)
