"""GroundingDINO through the real library: its own answers, scored word by word, at the right pixels."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
)

from curation.annotators.device import Device
from curation.annotators.grounding.grounding_dino import GroundingDino
from curation.annotators.grounding.networks import Question, WordBoxes
from curation.annotators.grounding.word_detector import WordDetector
from curation.records import Image
from curation.stage import ClipError
from dataset_schema import Annotator, FailureKind
from tests.curation.annotators.grounding.tiny_networks import save_grounding_dino, save_sam

CPU = Device(name="cpu", precision="float32", batch_size=4)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_grounding_dino(tmp_path_factory.mktemp("grounding") / "dino")


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> GroundingDino:
    return GroundingDino(str(checkpoint), CPU)


def detector(network: Any, *, max_words: int = 8) -> WordDetector:
    return WordDetector(
        describe=partial(Annotator, job="boxes", name="tiny", revision="1"),
        load=lambda: network,
        device=CPU,
        max_words=max_words,
    )


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def answer_of_the_library(checkpoint: Path, image: Image, text: str) -> tuple[Any, Any, Any]:
    """The library's own way: processor and network, nothing of ours."""
    library: Any = SimpleNamespace(network=GroundingDinoForObjectDetection, processor=GroundingDinoProcessor)
    network = library.network.from_pretrained(checkpoint).eval()
    processor = library.processor(
        GroundingDinoImageProcessorPil.from_pretrained(checkpoint), GroundingDino(str(checkpoint), CPU).tokenizer
    )
    inputs = processor(images=image, text=text, return_tensors="pt")
    with torch.inference_mode():
        return processor, inputs, network(**inputs)


def same(one: WordBoxes, other: WordBoxes) -> None:
    np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)


def test_a_box_is_scored_by_the_mean_of_the_best_and_the_average_token_of_a_word(
    checkpoint: Path, network: GroundingDino
) -> None:
    image = noise(48, 81)
    _, inputs, answer = answer_of_the_library(checkpoint, image, "old man . skateboarder . dog .")
    tokens = network.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
    assert tokens == ["[CLS]", "old", "man", ".", "skate", "##board", "##er", ".", "dog", ".", "[SEP]"]

    (found,) = detector(network).find_boxes([Question(image, ["Old man", "skateboarder", "dog"])])

    for box in range(20):
        p = (1 / (1 + np.exp(-answer.logits[0, box].double().numpy()))).tolist()
        by_hand = [
            (max(p[1], p[2]) + (p[1] + p[2]) / 2) / 2,
            (max(p[4:7]) + sum(p[4:7]) / 3) / 2,
            p[8],
        ]
        np.testing.assert_allclose(found.scores[box], by_hand, atol=1e-5)
    assert found.scores.std(axis=0).min() > 0.01


def test_boxes_and_one_token_scores_are_those_of_the_librarys_own_post_processing(
    checkpoint: Path, network: GroundingDino
) -> None:
    image = noise(61, 47)
    processor, inputs, answer = answer_of_the_library(checkpoint, image, "man . dog .")

    (ours,) = detector(network).find_boxes([Question(image, ["man", "dog"])])

    for word, place in enumerate((1, 3)):
        of_token = torch.full_like(answer.logits, -torch.inf)
        of_token[:, :, place] = answer.logits[:, :, place]
        (theirs,) = processor.post_process_grounded_object_detection(
            SimpleNamespace(logits=of_token, pred_boxes=answer.pred_boxes),
            inputs["input_ids"],
            threshold=0.0,
            target_sizes=[image.shape[:2]],
        )
        np.testing.assert_allclose(ours.boxes, theirs["boxes"].numpy(), atol=0.01)
        np.testing.assert_allclose(ours.scores[:, word], theirs["scores"].numpy(), atol=1e-5)


def test_questions_asked_together_are_answered_as_if_asked_alone(network: GroundingDino) -> None:
    questions = [
        Question(noise(48, 80, 1), ["man", "dog"]),
        Question(noise(80, 48, 2), ["skateboarder"]),
        Question(noise(48, 80, 3), ["old man", "dog", "a", "red dog in the red"]),
        Question(noise(48, 80, 4), ["犬"]),
        Question(noise(33, 71, 5), ["dog"]),
        Question(noise(48, 80, 6), ["dog"]),
    ]
    alone = [detector(network).find_boxes([question])[0] for question in questions]

    together = detector(network).find_boxes(questions)

    for one, other in zip(alone, together, strict=True):
        same(one, other)
    assert len(together[3].boxes) == 0
    assert together[3].scores.shape == (0, 1)


def test_answers_in_lower_precision_are_numbers(checkpoint: Path) -> None:
    lower = GroundingDino(str(checkpoint), Device(name="cpu", precision="bfloat16"))

    (found,) = detector(lower).find_boxes([Question(noise(48, 80), ["man", "dog"])])

    assert np.isfinite(found.boxes).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_words_of_several_prompts_are_answered_together(network: GroundingDino) -> None:
    image = noise(48, 80)
    words = ["man", "skateboarder", "dog"]

    (found,) = detector(network, max_words=2).find_boxes([Question(image, words)])

    (first,) = detector(network).find_boxes([Question(image, words[:2])])
    (second,) = detector(network).find_boxes([Question(image, words[2:])])
    np.testing.assert_allclose(found.boxes, np.concatenate([first.boxes, second.boxes]), atol=0.01)
    np.testing.assert_allclose(found.scores[:20, :2], first.scores, atol=1e-4)
    np.testing.assert_allclose(found.scores[20:, 2:], second.scores, atol=1e-4)
    assert not found.scores[:20, 2].any()
    assert not found.scores[20:, :2].any()


def test_a_frame_of_one_pixel_is_answered(network: GroundingDino) -> None:
    (found,) = detector(network).find_boxes([Question(noise(1, 1), ["dog"])])

    assert found.boxes.shape == (20, 4)


@pytest.mark.parametrize("shape", [(1, 17), (1000, 30)])
def test_a_strip_is_refused(network: GroundingDino, shape: tuple[int, int]) -> None:
    with pytest.raises(ClipError, match="at most 16 times") as refused:
        detector(network).find_boxes([Question(noise(*shape), ["dog"])])

    assert refused.value.kind is FailureKind.ANNOTATOR


class SeesRed:
    """Stands for the trained network: its first box is around the red pixels of what it is shown, in shares of it."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def __call__(self, pixel_values: torch.Tensor, pixel_mask: torch.Tensor, **_: torch.Tensor) -> Any:
        assert pixel_mask.all(), "a frame was padded"
        boxes = torch.stack([self._box(pixels) for pixels in pixel_values])
        return SimpleNamespace(pred_boxes=boxes[:, None], logits=torch.zeros(len(boxes), 1, self.tokens))

    @staticmethod
    def _box(pixels: torch.Tensor) -> torch.Tensor:
        is_red = (pixels[0] - pixels[2]) > 2.2  # normalized values of (255, 0, 0): 2.2 and -1.8
        rows, columns = is_red.any(dim=1).nonzero()[:, 0], is_red.any(dim=0).nonzero()[:, 0]
        x0, x1 = columns[0] / is_red.shape[1], (columns[-1] + 1) / is_red.shape[1]
        y0, y1 = rows[0] / is_red.shape[0], (rows[-1] + 1) / is_red.shape[0]
        return torch.stack([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])


def test_boxes_land_on_the_pixels_that_the_network_saw(checkpoint: Path) -> None:
    """Through the real image processor, with frames of several sizes and shapes in one call."""
    network = GroundingDino(str(checkpoint), CPU)
    network._model = SeesRed(tokens=32)
    network._processor.size = {"shortest_edge": 400, "longest_edge": 667}
    places = [((180, 320), (32, 40, 112, 160)), ((333, 201), (3, 120, 180, 331)), ((180, 320), (0, 0, 60, 30)),
              ((97, 241), (200, 50, 241, 97))]  # fmt: skip
    questions = []
    for (height, width), (x0, y0, x1, y1) in places:
        image = np.zeros((height, width, 3), np.uint8)
        image[y0:y1, x0:x1] = (255, 0, 0)
        questions.append(Question(image, ["dog"]))

    found = detector(network).find_boxes(questions)

    for (_, box), answer in zip(places, found, strict=True):
        np.testing.assert_allclose(answer.boxes[0], box, atol=0.6)


class Scripted:
    """A `TokenDetector` that answers what it is told, and notes how it was asked."""

    max_tokens = 32

    def __init__(self, network: GroundingDino, boxes: Sequence[Sequence[float]], logits: float = 0.0) -> None:
        self.tokenizer = network.tokenizer
        self.boxes = torch.tensor([list(box) for box in boxes])
        self.logits = logits
        self.batches: list[list[tuple[int, ...]]] = []

    def detect(self, images: Sequence[Image], texts: Sequence[str]) -> Any:
        self.batches.append([image.shape for image in images])
        boxes = self.boxes.expand(len(images), -1, -1)
        return SimpleNamespace(boxes=boxes, logits=torch.full((*boxes.shape[:2], 32), self.logits))


def test_a_box_in_shares_of_the_frame_is_a_box_in_its_pixels(network: GroundingDino) -> None:
    scripted = Scripted(network, [[0.5, 0.5, 1.0, 1.0], [0.25, 0.5, 0.1, 0.5], [0.95, 0.95, 0.2, 0.2]])

    (found,) = detector(scripted).find_boxes([Question(noise(51, 201), ["dog"])])

    by_hand = np.array([[0, 0, 201, 51], [40.2, 12.75, 60.3, 38.25], [170.85, 43.35, 211.05, 53.55]])
    np.testing.assert_allclose(found.boxes, by_hand, atol=1e-4)


def test_a_batch_holds_frames_of_one_size_and_no_more_than_the_device_takes(network: GroundingDino) -> None:
    scripted = Scripted(network, [[0.5, 0.5, 1.0, 1.0]])
    questions = [Question(noise(20, 20 + index % 2), ["dog"]) for index in range(11)]

    detector(scripted).find_boxes(questions)

    assert sorted(map(len, scripted.batches)) == [1, 2, 4, 4]
    assert all(len(set(batch)) == 1 for batch in scripted.batches)


def test_scores_that_are_no_numbers_cost_the_clip(network: GroundingDino) -> None:
    with pytest.raises(ClipError, match="scores of the box detector"):
        detector(Scripted(network, [[0.5, 0.5, 1, 1]], float("nan"))).find_boxes([Question(noise(9, 9), ["dog"])])
    with pytest.raises(ClipError, match="boxes of the box detector"):
        detector(Scripted(network, [[0.5, float("nan"), 1, 1]])).find_boxes([Question(noise(9, 9), ["dog"])])


def test_a_broken_checkpoint_costs_the_clip(checkpoint: Path, tmp_path: Path) -> None:
    broken = copy_of(checkpoint, tmp_path)
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if "input_proj_vision" in name and weights[name].ndim == 4)
    save_file({**weights, name: torch.full_like(weights[name], torch.nan)}, broken / "model.safetensors")

    with pytest.raises(ClipError, match="NaN or infinite") as refused:
        detector(GroundingDino(str(broken), CPU)).find_boxes([Question(noise(48, 80), ["dog"])])

    assert refused.value.kind is FailureKind.ANNOTATOR


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    folder = save_sam(tmp_path / "sam")

    with pytest.raises(ValueError, match="model_type 'sam', expected 'grounding-dino'"):
        GroundingDino(str(folder), CPU)


def test_a_checkpoint_with_missing_weights_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    broken = copy_of(checkpoint, tmp_path)
    weights = load_file(broken / "model.safetensors")
    save_file(
        {name: weight for name, weight in weights.items() if "encoder.layers.0" not in name},
        broken / "model.safetensors",
        metadata={"format": "pt"},
    )

    with pytest.raises(ValueError, match=r"lack .*encoder\.layers\.0"):
        GroundingDino(str(broken), CPU)


def test_a_pickle_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = copy_of(checkpoint, tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(FileNotFoundError, match=r"expected weights as \*.safetensors"):
        GroundingDino(str(folder), CPU)


@pytest.mark.parametrize("pattern", ["tokenizer*", "preprocessor_config.json"])
def test_a_checkpoint_without_its_tokenizer_or_image_processor_is_refused(
    checkpoint: Path, tmp_path: Path, pattern: str
) -> None:
    folder = copy_of(checkpoint, tmp_path)
    for path in folder.glob(pattern):
        path.unlink()

    with pytest.raises(FileNotFoundError, match="expected the folder of a complete checkpoint"):
        GroundingDino(str(folder), CPU)


def copy_of(checkpoint: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in checkpoint.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder
