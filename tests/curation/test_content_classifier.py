import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor, VideoMAEModel

from curation.annotators.content import VideoMaeContentClassifier
from curation.annotators.content_motion import motion_channels
from curation.annotators.protocols import CONTENT_CLASSES

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

    probabilities = VideoMaeContentClassifier(checkpoint).classify(videos)

    expected = forward_of_transformers(checkpoint, pixels)
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_larger_frames_are_averaged_over_areas(checkpoint: Path) -> None:
    small = random_videos()
    large = small.repeat(7, axis=2).repeat(7, axis=3)

    classifier = VideoMaeContentClassifier(checkpoint)

    assert large.shape[2:4] == (224, 224)
    np.testing.assert_allclose(classifier.classify(large), classifier.classify(small), atol=1e-6)


def test_a_folders_own_mean_and_deviation_come_before_imagenets(checkpoint: Path) -> None:
    stored = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.6, 0.7]}
    (checkpoint / "preprocessor_config.json").write_text(json.dumps(stored))
    videos = random_videos()

    probabilities = VideoMaeContentClassifier(checkpoint).classify(videos)

    by_hand = (videos / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.6, 0.7])
    pixels = torch.from_numpy(np.moveaxis(by_hand, -1, 2)).float()
    np.testing.assert_allclose(probabilities, forward_of_transformers(checkpoint, pixels), atol=1e-5)


def test_a_network_trained_on_motion_gets_motion(checkpoint: Path) -> None:
    videos = random_videos()
    shown = np.stack([motion_channels(video) for video in videos])
    expected = VideoMaeContentClassifier(checkpoint).classify(shown)
    edit_config(checkpoint, input_channels="motion")

    probabilities = VideoMaeContentClassifier(checkpoint).classify(videos)

    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_labels_in_another_order_are_an_error(checkpoint: Path) -> None:
    swapped = (CONTENT_CLASSES[1], CONTENT_CLASSES[0], *CONTENT_CLASSES[2:])
    edit_config(checkpoint, id2label={str(index): name for index, name in enumerate(swapped)})

    with pytest.raises(ValueError, match="in this order"):
        VideoMaeContentClassifier(checkpoint).load()


def test_a_checkpoint_without_a_trained_head_is_an_error(tmp_path: Path) -> None:
    VideoMAEModel(tiny_config()).save_pretrained(tmp_path)

    with pytest.raises(ValueError, match="classifier"):
        VideoMaeContentClassifier(tmp_path).load()


def test_another_kind_of_network_is_an_error(checkpoint: Path) -> None:
    edit_config(checkpoint, model_type="timesformer")

    with pytest.raises(ValueError, match="timesformer"):
        VideoMaeContentClassifier(checkpoint).load()


def test_unknown_input_channels_are_an_error(checkpoint: Path) -> None:
    edit_config(checkpoint, input_channels="depth")

    with pytest.raises(ValueError, match="depth"):
        VideoMaeContentClassifier(checkpoint).load()


def test_videos_of_another_length_are_an_error(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="16"):
        VideoMaeContentClassifier(checkpoint).classify(random_videos()[:, :8])


def test_describes_itself_by_the_hash_of_its_weights(checkpoint: Path) -> None:
    edit_config(checkpoint, revision="r7")

    annotator = VideoMaeContentClassifier(checkpoint).describe()

    digest = hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()
    assert (annotator.job, annotator.name, annotator.revision) == ("content_filter", "tiny-videomae", "r7")
    assert annotator.weights_sha256 == digest


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_missing_files_are_found_before_anything_runs(checkpoint: Path, missing: str) -> None:
    (checkpoint / missing).unlink()

    with pytest.raises(FileNotFoundError, match="train-filter"):
        VideoMaeContentClassifier(checkpoint).describe()
