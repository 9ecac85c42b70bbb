"""DINOv2 as a cut-out encoder: a tiny random one, saved by transformers and compared with its own forward pass."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from safetensors.torch import load_file, save_file
from transformers import Dinov2Model

from curation.annotators.device import Device
from curation.annotators.likeness.dinov2 import Dinov2Config, Dinov2Encoder
from curation.masks import cut_out
from curation.records import Cutout
from curation.stage import ClipError
from dataset_schema import FailureKind
from tests.curation.annotators.tiny_reference_checkpoints import save_tiny_dinov2
from tests.curation.moving_scenes import texture

CPU = Device(name="cpu", precision="float32")
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny_dinov2(tmp_path / "dinov2")


def encoder(folder: Path) -> Dinov2Encoder:
    return Dinov2Encoder(Dinov2Config(checkpoint=str(folder), device=CPU))


def cutout(height: int, width: int, seed: int = 1) -> Cutout:
    """An ellipse cut out of a texture."""
    rows, columns = np.mgrid[:height, :width]
    mask = ((rows + 0.5) / height - 0.5) ** 2 + ((columns + 0.5) / width - 0.5) ** 2 <= 0.25
    return cut_out(texture(height, width, (160, 90, 60), seed=seed), mask, (0, 0, width, height))


def change_weights(folder: Path, name: str, value: torch.Tensor | None) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights[name]
    save_file(weights if value is None else {**weights, name: value}, path, metadata={"format": "pt"})


@pytest.mark.parametrize("height", [60, 112])
def test_a_vector_is_the_class_token_of_the_cutout_on_a_white_square(folder: Path, height: int) -> None:
    cut = cutout(height, 172 - height)
    square = np.full((112, 112, 3), 255, np.uint8)
    window = square[26:86] if height == 60 else square[:, 26:86]
    window[cut[..., 3] > 0] = cut[..., :3][cut[..., 3] > 0]
    resized = np.asarray(Picture.fromarray(square).resize((224, 224), Picture.Resampling.BICUBIC))
    pixels = torch.from_numpy(((resized / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)[None]).float()
    network = Dinov2Model.from_pretrained(folder)
    with torch.no_grad():
        last_block = network(pixels, output_hidden_states=True).hidden_states[-1]
        token = network.layernorm(last_block)[0, 0]

    (vector,) = encoder(folder).encode([cut])

    np.testing.assert_allclose(vector, (token / token.norm()).numpy(), atol=1e-5)
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_a_cutout_has_the_same_vector_alone_and_in_a_large_batch(folder: Path) -> None:
    cutouts = [cutout(40 + n, 60, seed=n) for n in range(70)]
    tested = encoder(folder)

    together = tested.encode(cutouts)

    assert together.shape == (70, 64)
    for n in (0, 63, 64, 69):
        np.testing.assert_allclose(together[n], tested.encode([cutouts[n]])[0], atol=1e-5)
    assert np.abs(together[0] - together[69]).max() > 1e-3


def test_what_the_alpha_hides_does_not_count(folder: Path) -> None:
    cut = cutout(80, 80)
    repainted = cut.copy()
    repainted[cut[..., 3] == 0, :3] = 99

    vectors = encoder(folder).encode([cut, repainted])

    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_the_smallest_cutouts_have_a_vector(folder: Path) -> None:
    vectors = encoder(folder).encode([cutout(1, 1), cutout(1, 300), cutout(300, 1), np.zeros((5, 5, 4), np.uint8)])

    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_the_checkpoint_is_described_by_its_contents_without_loading_it(folder: Path) -> None:
    before = encoder(folder).describe()
    change_weights(folder, "layernorm.bias", torch.ones(64))

    after = encoder(folder).describe()

    assert (before.job, before.name) == ("likeness", str(folder))
    assert before.weights_sha256 != after.weights_sha256


def test_resources_are_those_of_the_device(folder: Path) -> None:
    on_gpu = Dinov2Encoder(Dinov2Config(checkpoint=str(folder), device=Device(gpus=0.125, batch_size=32))).resources

    assert (on_gpu.gpus, on_gpu.batch_size) == (0.125, 32)
    assert (encoder(folder).resources.gpus, encoder(folder).resources.gpu_memory_bytes) == (0, 0)


def test_not_a_number_is_a_failure_of_the_annotator(folder: Path) -> None:
    change_weights(folder, "layernorm.weight", torch.full((64,), torch.nan))

    with pytest.raises(ClipError, match="64 of 64 values are NaN") as caught:
        encoder(folder).encode([cutout(50, 50)])

    assert caught.value.kind is FailureKind.ANNOTATOR


def test_another_network_is_refused(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "vit"}))

    with pytest.raises(ValueError, match="model_type 'vit', expected 'dinov2'"):
        encoder(folder).load()


def test_weights_that_are_missing_are_named(folder: Path) -> None:
    change_weights(folder, "encoder.layer.1.norm2.weight", None)

    with pytest.raises(ValueError, match=r"lack encoder\.layer\.1\.norm2\.weight, .*of a whole Dinov2Model"):
        encoder(folder).load()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "preprocessor_config.json"])
def test_a_checkpoint_without_one_of_its_files_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(FileNotFoundError):
        encoder(folder).load()


def test_a_pickle_is_refused_before_a_run_starts(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(FileNotFoundError, match=r"pytorch_model\.bin"):
        encoder(folder).describe()
