"""The same search with the networks that people bring: DINOv2 and one for faces, tiny, in their real formats."""

from pathlib import Path

import numpy as np
import pytest

from curation.annotators.device import Device
from curation.annotators.likeness.dinov2 import Dinov2Config
from curation.annotators.likeness.face_file import FaceFileConfig
from curation.one_subject.finding import Looks, find_subject
from curation.one_subject.rules import SubjectConfig, limit_of
from tests.curation.annotators.likeness.onnx_files import average_network
from tests.curation.one_subject.made_samples import Made, cutout, reference

BROWN, GRAY = (150, 100, 50), (120, 120, 120)


@pytest.mark.slow
def test_dinov2_knows_a_picture_again_and_has_a_limit(tmp_path: Path) -> None:
    from tests.curation.annotators.tiny_reference_checkpoints import save_tiny_dinov2  # which loads torch

    config = Dinov2Config(
        checkpoint=str(save_tiny_dinov2(tmp_path / "dinov2")), device=Device(name="cpu", precision="float32")
    )
    encoder = config.build()
    encoder.load()
    looks = Looks(encoder.encode([cutout(BROWN)]), encoder)
    clip = Made(number=1, words={"man": [reference(cutout(GRAY, seed=3))], "dog": [reference(cutout(BROWN))]})

    finding = find_subject(clip.sample, looks)

    assert finding.word == "dog"
    assert finding.likeness == pytest.approx(1)
    assert limit_of(SubjectConfig(), encoder) == 0.6


def test_by_a_face_network_faces_alone_are_compared(tmp_path: Path) -> None:
    file = tmp_path / "face.onnx"
    file.write_bytes(average_network(np.eye(3, dtype=np.float32)))
    encoder = FaceFileConfig(file=file).build()
    encoder.load()
    looks = Looks(encoder.encode([cutout(BROWN)]), encoder, by_faces=True)
    one, other = (reference(cutout(color), place=1, is_face=True) for color in (BROWN, GRAY))
    clip = Made(number=1, words={"man": [reference(cutout(BROWN)), other], "woman": [reference(cutout(GRAY)), one]})

    finding = find_subject(clip.sample, looks)

    assert finding.word == "woman"
    assert finding.likeness == pytest.approx(1, abs=1e-3)
    assert limit_of(SubjectConfig(), encoder) == 0.363
    from_behind = find_subject(Made(number=2, words={"man": [reference(cutout(BROWN))]}).sample, looks)
    assert from_behind.namesakes == 0
    assert from_behind.facts(looks)["compared"] == "face"
