"""A network of the user's own for faces: tiny ones, written to the letter of the format."""

from pathlib import Path

import numpy as np
import pytest

from curation.annotators.likeness.face_file import FaceFileConfig, FaceFileEncoder
from curation.records import Cutout
from curation.stage import ClipError
from tests.curation.annotators.likeness.onnx_files import average_network, picture_network

# Four numbers of a face, from its mean red, green and blue.
OUTPUTS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "face.onnx"
    path.write_bytes(average_network(OUTPUTS))
    return path


def encoder(file: Path) -> FaceFileEncoder:
    found = FaceFileEncoder(FaceFileConfig(file=file))
    found.load()
    return found


def face(red: int, green: int, blue: int, *, height: int = 60, width: int = 40) -> Cutout:
    """One color, of which the left half is opaque."""
    cutout = np.zeros((height, width, 4), np.uint8)
    cutout[..., :3] = red, green, blue
    cutout[:, : width // 2, 3] = 255
    return cutout


def test_a_vector_is_that_of_the_network_for_pixels_around_zero_with_nothing_where_the_face_is_cut_out(
    file: Path,
) -> None:
    found = encoder(file).encode([face(255, 0, 0), face(200, 150, 100, height=112, width=112)])

    for vector, color in zip(found, [(255, 0, 0), (200, 150, 100)], strict=True):
        by_hand = OUTPUTS @ ((np.array(color) - 127.5) / 127.5 / 2)
        assert vector == pytest.approx(by_hand / np.linalg.norm(by_hand), abs=1e-3)


def test_a_file_is_named_by_its_hash(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(average_network(2 * OUTPUTS))

    one, two = (FaceFileEncoder(FaceFileConfig(file=path)).describe() for path in (file, other))

    assert (one.name, two.name) == ("face.onnx", "other.onnx")
    assert one.weights_sha256 != two.weights_sha256


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + bytes(60), r"archive such as torch writes.*expected ONNX.*torch\.onnx\.export"),
        (b"\x08\x08 this is nothing", "no ONNX network that OpenCV reads"),
        (picture_network(), r"gives numbers of the shape \(1, 3, 112, 112\), expected one vector"),
    ],
)
def test_what_is_no_face_network_is_refused_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "network"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=said):
        encoder(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx is no file, expected an ONNX network"):
        encoder(tmp_path / "nowhere.onnx")


def test_a_face_of_which_the_network_says_nothing_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "zeros.onnx"
    path.write_bytes(average_network(0 * OUTPUTS))

    with pytest.raises(ClipError, match="NaN or zeros"):
        encoder(path).encode([face(1, 2, 3)])
