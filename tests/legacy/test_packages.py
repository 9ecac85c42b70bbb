"""groundingdino-py and segment-anything behind the same locator, against the packages' own answers."""

import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from groundingdino.util.inference import load_image, predict  # type: ignore[import-not-found]
from PIL import Image as PilImage
from segment_anything import SamPredictor  # type: ignore[import-not-found]

from curation.annotators.device import Device
from curation.annotators.grounding.choice import ChoiceConfig
from curation.annotators.grounding.networks import BoxedImage, Question
from curation.annotators.grounding.segmenter import Segmenter
from curation.annotators.grounding.word_detector import WordDetector
from curation.annotators.grounding_legacy.groundingdino_py import GroundingDinoPy
from curation.annotators.grounding_legacy.locator import LegacyGroundedMasksConfig
from curation.annotators.grounding_legacy.segment_anything_package import SegmentAnythingPackage
from curation.annotators.grounding_legacy.weights import describe_weights
from curation.annotators.protocols import Scene
from curation.records import EntityWord, Image
from curation.stage import ClipError
from dataset_schema import EntityKind
from tests.curation.moving_scenes import still_frames
from tests.legacy.tiny_weights import save_detector, save_segmenter, save_text_encoder

CPU = Device(name="cpu", precision="float32", batch_size=2)
# The detector enlarges frames to 800 pixels, but no longer than 1333: thin ones take a tenth of the time.
THIN = (20, 163)
BOXES = np.array([[5.0, 6.5, 80.2, 60.0], [0, 0, 95.5, 63]])


class Files(NamedTuple):
    text_encoder: Path
    detector: Path
    architecture: Path
    segmenter: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("legacy")
    text_encoder = save_text_encoder(folder / "bert")
    detector, architecture = save_detector(folder / "dino", text_encoder)
    return Files(text_encoder, detector, architecture, save_segmenter(folder / "sam.pth"))


@pytest.fixture(scope="module")
def network(files: Files) -> GroundingDinoPy:
    return load_detector(files)


def load_detector(files: Files) -> GroundingDinoPy:
    return GroundingDinoPy(
        str(files.detector), architecture=str(files.architecture), text_encoder=str(files.text_encoder), device=CPU
    )


def detector(files: Files, network: GroundingDinoPy) -> WordDetector:
    return WordDetector(
        describe=lambda: describe_weights(str(files.detector)), load=lambda: network, device=CPU, max_words=8
    )


def load_segmenter(path: Path) -> SegmentAnythingPackage:
    return SegmentAnythingPackage(str(path), architecture="tiny", device=CPU)


def segmenter(path: Path) -> Segmenter:
    return Segmenter(describe=lambda: describe_weights(str(path)), load=lambda: load_segmenter(path), device=CPU)


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_boxes_and_scores_are_those_of_the_packages_own_prediction(
    files: Files, network: GroundingDinoPy, tmp_path: Path
) -> None:
    image = noise(*THIN)
    PilImage.fromarray(image).save(tmp_path / "frame.png")
    _, prepared = load_image(str(tmp_path / "frame.png"))
    boxes, _, _ = predict(network._model, prepared, "dog . old man .", 0.0, 0.0, device="cpu")
    with torch.no_grad():
        logits = network._model(prepared[None], captions=["dog . old man ."])["pred_logits"][0].double().numpy()
    width_height = np.array([THIN[1], THIN[0]])
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)

    (found,) = detector(files, network).find_boxes([Question(image, ["Dog", "old man"])])

    np.testing.assert_allclose(found.boxes, corners * np.tile(width_height, 2), atol=0.01)
    p = 1 / (1 + np.exp(-logits))  # [CLS] dog . old man . [SEP]
    np.testing.assert_allclose(found.scores[:, 0], p[:, 1], atol=1e-5)
    np.testing.assert_allclose(found.scores[:, 1], (p[:, 3:5].max(axis=1) + p[:, 3:5].mean(axis=1)) / 2, atol=1e-5)
    assert found.scores.std(axis=0).min() > 0.01


def test_frames_asked_together_are_answered_as_if_alone(files: Files, network: GroundingDinoPy) -> None:
    questions = [
        Question(noise(*THIN, 1), ["man", "dog"]),
        Question(noise(*THIN[::-1], 2), ["skateboarder"]),
        Question(noise(*THIN, 3), ["a dog in the red", "man"]),
    ]
    alone = [detector(files, network).find_boxes([question])[0] for question in questions]

    together = detector(files, network).find_boxes(questions)

    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(66, 97), (97, 66), (128, 128), (1, 1)])
def test_masks_are_those_of_the_packages_own_predictor(files: Files, height: int, width: int) -> None:
    image = noise(height, width)
    predictor = SamPredictor(load_segmenter(files.segmenter)._model)
    predictor.set_image(image)

    (ours,) = segmenter(files.segmenter).segment([BoxedImage(image, BOXES)])

    for box, (mask, score) in zip(BOXES, ours, strict=True):
        theirs, scores, _ = predictor.predict(box=box, multimask_output=False)
        assert (mask != theirs[0]).mean() < 0.001
        assert score == pytest.approx(float(np.clip(scores[0], 0, 1)), abs=1e-4)


def test_frames_outlined_together_are_outlined_as_if_alone(files: Files) -> None:
    pictures = [BoxedImage(noise(66, 97, seed), BOXES[: 1 + seed % 2]) for seed in range(3)]
    alone = [segmenter(files.segmenter).segment([picture])[0] for picture in pictures]

    together = segmenter(files.segmenter).segment(pictures)

    for one, other in zip(alone, together, strict=True):
        assert len(one) == len(other)
        for mask, same in zip(one, other, strict=True):
            assert (mask.mask != same.mask).mean() < 0.002
            assert mask.score == pytest.approx(same.score, abs=1e-3)


def test_the_locator_is_built_from_files_and_named_by_them(files: Files) -> None:
    config = LegacyGroundedMasksConfig(
        detector=str(files.detector),
        detector_architecture=str(files.architecture),
        text_encoder=str(files.text_encoder),
        segmenter=str(files.segmenter),
        segmenter_architecture="tiny",
        choice=ChoiceConfig(min_box_score=0, min_mask_score=0, min_mask_extent=0, max_rival=1),
        device=CPU,
    )
    built = config.build()
    word = EntityWord(word="old man", kind=EntityKind.SUBJECT, start=0, end=7)

    described = built.describe()
    (located,) = built.locate([Scene(still_frames(noise(*THIN, 1), noise(*THIN, 2)), [word])])

    assert described.name == "detector.pth + sam.pth"
    assert len(described.weights_sha256 or "") == 64
    assert located
    assert all(entity.mask.shape == THIN and entity.mask.any() for entity in located)


def test_a_pickle_of_anything_but_weights_is_not_unpickled(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"weights": Boom()}))

    with pytest.raises(ValueError, match="does not hold weights alone"):
        load_segmenter(path)
    with pytest.raises(ValueError, match="does not hold weights alone"):
        load_detector(files._replace(detector=path))
    assert not (tmp_path / "ran").exists()


class Boom:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_weights_of_another_network_are_refused(files: Files) -> None:
    with pytest.raises(ValueError, match="lack "):
        load_segmenter(files.detector)
    with pytest.raises(ValueError, match="lack "):
        load_detector(files._replace(detector=files.segmenter))


def test_weights_of_another_size_are_refused(files: Files) -> None:
    with pytest.raises(ValueError, match="do not fit a Sam"):
        SegmentAnythingPackage(str(files.segmenter), architecture="vit_b", device=CPU)


def test_missing_files_are_named(files: Files, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth does not exist"):
        describe_weights(str(tmp_path / "nowhere.pth"))
    with pytest.raises(FileNotFoundError, match=r"Huge\.py does not exist, expected a config of groundingdino-py"):
        load_detector(files._replace(architecture=Path("Huge")))
    with pytest.raises(ValueError, match="no 'vit_x', expected one of default, tiny, vit_b"):
        SegmentAnythingPackage(str(files.segmenter), architecture="vit_x", device=CPU)


def test_broken_weights_cost_the_clip(files: Files, tmp_path: Path) -> None:
    saved = torch.load(files.detector, weights_only=True)["model"]
    name = next(name for name in saved if "input_proj.0.0.weight" in name)
    torch.save({"model": {**saved, name: torch.full_like(saved[name], torch.nan)}}, tmp_path / "broken.pth")
    broken = files._replace(detector=tmp_path / "broken.pth")

    with pytest.raises(ClipError, match="NaN or infinite"):
        detector(broken, load_detector(broken)).find_boxes([Question(noise(*THIN), ["dog"])])
