from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from curation.annotators.content import VideoMaeContentClassifier
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.clips import generate_clip
from curation.content_training.dataset import LabelledInputs, generate_inputs
from curation.content_training.evaluation import FilterReport, confusion_table
from curation.content_training.training import (
    FilterTrainingConfig,
    build_network,
    filter_input,
    fit,
    learning_rate_factor,
    predict,
    train_filter,
)

TINY = FilterTrainingConfig(
    side=32, hidden_size=32, num_layers=1, num_heads=2, training_clips=5, validation_clips=5, steps=2, batch_size=4,
)  # fmt: skip


def one_hot(*classes: int, confidence: float = 0.8) -> npt.NDArray[np.float64]:
    probabilities = np.full((len(classes), 5), (1 - confidence) / 4)
    probabilities[np.arange(len(classes)), classes] = confidence
    return probabilities


def test_writes_a_folder_that_the_classifier_loads_and_agrees_with(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []

    report = train_filter(TINY, tmp_path / "filter", progress=lambda *step: steps.append(step))

    held_out = [generate_clip(1_000_003, index) for index in range(5)]
    probabilities = VideoMaeContentClassifier(tmp_path / "filter").classify(
        np.stack([clip.frames for clip in held_out])
    )
    assert report.labels.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(probabilities, report.probabilities, atol=5e-3)  # stored in half precision
    assert steps[-1] == ("train", 2, 2)
    assert ("draw clips", 5, 5) in steps
    assert confusion_table(report) in (tmp_path / "filter" / "README.md").read_text()


def test_learns_what_it_is_shown() -> None:
    config = FilterTrainingConfig(
        side=32, hidden_size=32, num_layers=1, num_heads=2, steps=80, batch_size=10, warmup_steps=5, learning_rate=3e-3
    )
    patterns = np.random.default_rng(0).integers(0, 256, (5, 1, 32, 32, 3), np.uint8)
    videos = np.repeat(np.repeat(patterns, 16, axis=1), 4, axis=0)
    labels = np.repeat(np.arange(5), 4)

    model = fit(config, LabelledInputs(videos, labels), filter_input(config))

    assert predict(model, videos, filter_input(config)).argmax(axis=1).tolist() == labels.tolist()


def test_the_same_config_gives_the_same_network() -> None:
    form = filter_input(TINY)
    clips = generate_inputs(0, 5, form, workers=1)

    one, two = (fit(TINY, clips, form).state_dict() for _ in range(2))

    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_several_workers_draw_the_same_clips_in_the_same_order() -> None:
    form = filter_input(TINY)

    alone, shared = (generate_inputs(3, 10, form, workers=workers) for workers in (1, 2))

    np.testing.assert_array_equal(alone.inputs, shared.inputs)
    np.testing.assert_array_equal(alone.labels, shared.labels)


def test_the_networks_labels_are_the_contracts() -> None:
    config = build_network(TINY).config

    assert config.id2label == dict(enumerate(CONTENT_CLASSES))


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    config = FilterTrainingConfig(steps=300, warmup_steps=100)

    factors = [learning_rate_factor(config, step) for step in (0, 49, 99, 100, 200, 300)]

    assert factors == pytest.approx([0.01, 0.5, 1, 1, 0.5, 0])


def test_counts_who_is_taken_for_whom() -> None:
    report = FilterReport(probabilities=one_hot(0, 1, 1, 4), labels=np.array([0, 0, 1, 3]))

    assert np.argwhere(report.confusion).tolist() == [[0, 0], [0, 1], [1, 1], [3, 4]]
    assert report.confusion.sum() == 4
    assert report.accuracy == 0.5


def test_keeps_what_the_stage_would_keep() -> None:
    probabilities = np.array([[0.9, 0.1, 0, 0, 0], [0.4, 0.3, 0.3, 0, 0], [0.7, 0.3, 0, 0, 0], [0.45, 0.55, 0, 0, 0]])
    report = FilterReport(probabilities=probabilities, labels=np.array([0, 0, 1, 2]))

    assert report.kept_share(0.3) == (1.0, 0.5)
    assert report.kept_share(0.5) == (0.5, 0.5)
    assert report.kept_share(0.8) == (0.5, 0.0)
    assert report.balanced_accuracy(0.8) == 0.75


def test_the_best_threshold_lies_between_the_groups() -> None:
    probabilities = np.vstack([one_hot(0, 0, confidence=0.8), one_hot(0, 0, confidence=0.4)])

    report = FilterReport(probabilities=probabilities, labels=np.array([0, 0, 1, 2]))

    assert report.best_threshold() == pytest.approx(0.6, abs=0.051)
    assert report.balanced_accuracy(report.best_threshold()) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [({"side": 90}, "patch_size"), ({"hidden_size": 161}, "num_heads"), ({"validation_clips": 4}, "each of the 5")],
)
def test_impossible_settings_are_errors(values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FilterTrainingConfig(**values)
