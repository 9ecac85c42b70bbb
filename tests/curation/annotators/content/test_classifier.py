import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor, VideoMAEModel

from curation.annotators.content.classifier import VideoMaeConfig, VideoMaeContentClassifier
from curation.annotators.content.motion import motion_channels
from curation.annotators.device import Device
from curation.annotators.protocols import CONTENT_CLASSES
from curation.stage import ClipError
from dataset_schema import FailureKind

SIDE = 32


def tiny_config(labels: tuple[str, ...] = CONTENT_CLASSES) -> VideoMAEConfig:
    return VideoMAEConfig(
        image_size=SIDE,
        patch_size=16,
        num_frames=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        id2label=dict(enumerate(labels)),
        label2id={name: index for index, name in enumerate(labels)},
    )


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A random network as `transformers` itself saves it, sure enough of itself that its classes differ."""
    torch.manual_seed(0)
    model = VideoMAEForVideoClassification(tiny_config())
    with torch.no_grad():
        model.get_parameter("classifier.weight").normal_(std=1.0)
    folder = tmp_path / "tiny-videomae"
    model.save_pretrained(folder)
    return folder


def classifier_of(folder: Path, **device: Any) -> VideoMaeContentClassifier:
    on = Device(**{"name": "cpu", "memory_gib": 1.5, "batch_size": 4, "precision": "float32", **device})
    return VideoMaeContentClassifier(VideoMaeConfig(checkpoint=str(folder), device=on))


def random_videos(height: int = SIDE, width: int = SIDE) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (2, 16, height, width, 3), np.uint8)


def forward_of_transformers(folder: Path, pixels: torch.Tensor) -> npt.NDArray[np.float64]:
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    with torch.no_grad():
        return np.asarray(torch.softmax(model(pixels).logits, -1), np.float64)


def edit_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_gives_the_probabilities_of_transformers_own_processor_and_forward(checkpoint: Path) -> None:
    videos = random_videos()
    processor = VideoMAEImageProcessor(
        do_resize=False, do_center_crop=False, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    )
    pixels = torch.stack([processor(list(video), return_tensors="pt")["pixel_values"][0] for video in videos])

    probabilities = classifier_of(checkpoint).classify(videos)

    expected = forward_of_transformers(checkpoint, pixels)
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


@pytest.mark.parametrize("change", [{"use_mean_pooling": False}, {"qv_bias": False}, {"tubelet_size": 4}])
def test_every_form_of_the_network_gives_what_transformers_gives(tmp_path: Path, change: dict[str, Any]) -> None:
    config = tiny_config()
    for name, value in change.items():
        setattr(config, name, value)
    torch.manual_seed(1)
    model = VideoMAEForVideoClassification(config)
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_(std=0.2)
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    videos = random_videos()

    probabilities = classifier_of(tmp_path).classify(videos)

    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = torch.from_numpy(np.moveaxis((videos / 255 - mean) / std, -1, 2)).float()
    expected = forward_of_transformers(tmp_path, pixels)
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_larger_frames_are_averaged_over_areas(checkpoint: Path) -> None:
    small = random_videos()
    large = small.repeat(7, axis=2).repeat(7, axis=3)

    classifier = classifier_of(checkpoint)

    assert large.shape[2:4] == (224, 224)
    np.testing.assert_allclose(classifier.classify(large), classifier.classify(small), atol=1e-6)


def test_a_folders_own_mean_and_deviation_come_before_imagenets(checkpoint: Path) -> None:
    stored = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.6, 0.7]}
    (checkpoint / "preprocessor_config.json").write_text(json.dumps(stored))
    videos = random_videos()

    probabilities = classifier_of(checkpoint).classify(videos)

    by_hand = (videos / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.6, 0.7])
    pixels = torch.from_numpy(np.moveaxis(by_hand, -1, 2)).float()
    np.testing.assert_allclose(probabilities, forward_of_transformers(checkpoint, pixels), atol=1e-5)


def test_a_network_trained_on_motion_gets_motion(checkpoint: Path) -> None:
    videos = random_videos()
    shown = np.stack([motion_channels(video) for video in videos])
    expected = classifier_of(checkpoint).classify(shown)
    edit_config(checkpoint, input_channels="motion")

    probabilities = classifier_of(checkpoint).classify(videos)

    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_labels_in_another_order_are_an_error(checkpoint: Path) -> None:
    swapped = (CONTENT_CLASSES[1], CONTENT_CLASSES[0], *CONTENT_CLASSES[2:])
    edit_config(checkpoint, id2label={str(index): name for index, name in enumerate(swapped)})

    with pytest.raises(ValueError, match="in this order"):
        classifier_of(checkpoint).load()


def test_a_checkpoint_without_a_trained_head_is_an_error(tmp_path: Path) -> None:
    VideoMAEModel(tiny_config()).save_pretrained(tmp_path)

    with pytest.raises(ValueError, match="classifier"):
        classifier_of(tmp_path).load()


def test_another_kind_of_network_is_an_error(checkpoint: Path) -> None:
    edit_config(checkpoint, model_type="timesformer")

    with pytest.raises(ValueError, match="timesformer"):
        classifier_of(checkpoint).load()


def test_unknown_input_channels_are_an_error(checkpoint: Path) -> None:
    edit_config(checkpoint, input_channels="depth")

    with pytest.raises(ValueError, match="depth"):
        classifier_of(checkpoint).load()


def test_videos_of_another_length_are_an_error(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="16"):
        classifier_of(checkpoint).classify(random_videos()[:, :8])


def test_several_passes_give_what_one_gives(checkpoint: Path) -> None:
    videos = np.concatenate([random_videos(), random_videos()[::-1], random_videos()[:1]])

    one, by_two = (classifier_of(checkpoint, batch_size=size).classify(videos) for size in (8, 2))

    assert by_two.shape == (5, 5)
    np.testing.assert_allclose(by_two, one, atol=1e-6)


def test_low_precision_changes_probabilities_a_little(checkpoint: Path) -> None:
    full, low = (
        classifier_of(checkpoint, precision=name).classify(random_videos()) for name in ("float32", "bfloat16")
    )

    assert 0 < np.abs(full - low).max() < 0.05


def test_a_gpu_is_asked_for_where_the_device_is_one(checkpoint: Path) -> None:
    on_gpu = classifier_of(checkpoint, name="cuda", gpus=0.5, batch_size=16).resources

    assert (on_gpu.gpus, on_gpu.batch_size) == (0.5, 16)
    assert (VideoMaeContentClassifier().resources.gpus, VideoMaeContentClassifier().resources.batch_size) == (0, 1)


def test_describes_itself_by_its_revision_and_the_hash_of_its_files(checkpoint: Path) -> None:
    edit_config(checkpoint, revision="r7")

    before = classifier_of(checkpoint).describe()
    edit_config(checkpoint, min_desirable=0.6)
    after = classifier_of(checkpoint).describe()

    assert (before.job, before.name, before.revision) == ("content_filter", str(checkpoint), "r7")
    assert before.weights_sha256 != after.weights_sha256  # another threshold is another filter


def test_the_threshold_beside_the_weights_is_found_without_loading_them(checkpoint: Path) -> None:
    assert classifier_of(checkpoint).own_threshold is None

    edit_config(checkpoint, min_desirable=0.65)
    (checkpoint / "model.safetensors").write_bytes(b"not read")

    assert classifier_of(checkpoint).own_threshold == 0.65


@pytest.mark.parametrize("value", ["0.5", 1.5, -0.1])
def test_a_threshold_that_is_no_probability_is_an_error(checkpoint: Path, value: object) -> None:
    edit_config(checkpoint, min_desirable=value)

    with pytest.raises(ValueError, match="min_desirable"):
        _ = classifier_of(checkpoint).own_threshold


def test_another_number_of_labels_is_an_error(tmp_path: Path) -> None:
    VideoMAEForVideoClassification(tiny_config(("yes", "no"))).save_pretrained(tmp_path)

    with pytest.raises(ValueError, match=r"has 2 labels .*yes, no.*train-filter"):
        classifier_of(tmp_path).load()


def test_weights_of_other_sizes_than_the_config_says_are_an_error(checkpoint: Path) -> None:
    edit_config(checkpoint, intermediate_size=96)

    with pytest.raises(ValueError, match=r"lack .*intermediate.*or have other sizes"):
        classifier_of(checkpoint).load()


def test_another_number_of_frames_is_an_error(checkpoint: Path) -> None:
    edit_config(checkpoint, num_frames=8)

    with pytest.raises(ValueError, match="num_frames 8, expected 16"):
        classifier_of(checkpoint).load()


def test_a_pickle_is_not_opened(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")

    with pytest.raises(FileNotFoundError, match=r"pytorch_model.bin, expected weights as \*.safetensors"):
        classifier_of(checkpoint).load()


def test_a_network_that_answers_nan_costs_the_clip_and_gives_no_score(checkpoint: Path) -> None:
    model = VideoMAEForVideoClassification.from_pretrained(checkpoint)
    with torch.no_grad():
        model.get_parameter("classifier.bias").fill_(float("nan"))
    model.save_pretrained(checkpoint)

    with pytest.raises(ClipError, match="NaN") as error:
        classifier_of(checkpoint).classify(random_videos())

    assert error.value.kind is FailureKind.ANNOTATOR


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_missing_files_are_found_before_anything_runs(checkpoint: Path, missing: str) -> None:
    (checkpoint / missing).unlink()

    with pytest.raises(FileNotFoundError, match=str(checkpoint)):
        classifier_of(checkpoint).describe()
