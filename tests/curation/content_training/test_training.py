import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification, ViTConfig, ViTModel

from curation.annotators.content.classifier import VideoMaeConfig, VideoMaeContentClassifier
from curation.annotators.content.network import ContentInput
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.clips import generate_clip
from curation.content_training.dataset import LabelledInputs, Progress, SplitInputs, store_inputs
from curation.content_training.drawn import DrawnClips, generate_inputs
from curation.content_training.evaluation import FilterReport, class_table, confusion_table, roc_table
from curation.content_training.networks import FineTune, FromScratch, Start
from curation.content_training.recipe import Recipe
from curation.content_training.training import FilterTrainingConfig, fit, predict, train_filter

SMALL = FromScratch(side=32, hidden_size=32, num_layers=1, num_heads=2)
FAST = Recipe(epochs=40, warmup_epochs=2, batch_size=10, base_learning_rate=3e-3 * 256 / 10, layer_decay=1.0)
TINY = FilterTrainingConfig(
    clips=DrawnClips(training=5, validation=5, test=5),
    network=replace(SMALL, training=replace(FAST, epochs=2, warmup_epochs=0, batch_size=4)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenClips(DrawnClips):
    """Clips that the test made, where a config would gather them."""

    splits: SplitInputs

    def gather(self, form: ContentInput, seed: int, progress: Progress | None = None) -> SplitInputs:
        return self.splits


def one_hot(*classes: int, confidence: float = 0.8) -> npt.NDArray[np.float64]:
    probabilities = np.full((len(classes), 5), (1 - confidence) / 4)
    probabilities[np.arange(len(classes)), classes] = confidence
    return probabilities


def patterns(*counts: int) -> LabelledInputs:
    """So many equal clips of each class: a pattern of its own, over all frames."""
    shown = np.random.default_rng(0).integers(0, 256, (5, 1, 32, 32, 3), np.uint8)
    labels = np.repeat(np.arange(5), counts)
    return LabelledInputs(np.repeat(shown, 16, axis=1)[labels], labels)


def trained(config: FilterTrainingConfig, clips: LabelledInputs) -> Start:
    torch.manual_seed(config.seed)
    start = config.network.start()
    fit(config, start, clips)
    return start


def classifier_of(folder: Path) -> VideoMaeContentClassifier:
    return VideoMaeContentClassifier(VideoMaeConfig(checkpoint=str(folder)))


def tiny_videomae(**values: Any) -> VideoMAEConfig:
    settings: dict[str, Any] = {"image_size": 32, "patch_size": 16, "hidden_size": 32, "num_hidden_layers": 2}
    settings |= {"num_attention_heads": 2, "intermediate_size": 64, "decoder_hidden_size": 16}
    settings |= {"decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2, "decoder_intermediate_size": 32}
    return VideoMAEConfig(**(settings | values))


def test_writes_a_folder_that_the_classifier_loads_and_agrees_with(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []

    result = train_filter(TINY, tmp_path / "filter", progress=lambda *step: steps.append(step))

    held_out = [generate_clip(2 * 1_000_003, index) for index in range(5)]
    probabilities = classifier_of(tmp_path / "filter").classify(np.stack([clip.frames for clip in held_out]))
    assert result.test.labels.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(probabilities, result.test.probabilities, atol=1e-5)
    assert steps[-1] == ("train", 2, 2)
    assert steps.count(("draw clips", 5, 5)) == 3


def test_the_model_card_holds_what_was_measured_and_how(tmp_path: Path) -> None:
    result = train_filter(TINY, tmp_path)

    card = (tmp_path / "README.md").read_text()
    tables = (confusion_table(result.test), class_table(result.test), roc_table(result.test))
    assert [table in card for table in tables] == [True] * 3
    assert f"## Threshold: {result.threshold:.2f}" in card
    assert "| screen_recording | 1 | 1 | 1 |" in card  # of each split
    assert "CC BY-NC 4.0" in card
    assert json.loads(card.split("```json")[1].split("```")[0])["network"]["training"]["batch_size"] == 4


def test_the_threshold_is_chosen_on_the_validation_split_and_stored_with_the_weights(tmp_path: Path) -> None:
    training = patterns(6, 6, 6, 6, 6)
    clips = patterns(10, 2, 2, 2, 2)
    noise = np.random.default_rng(1).integers(0, 256, clips.inputs.shape, np.uint8)
    validation = LabelledInputs(
        np.where(np.arange(18)[:, None, None, None, None] % 2, clips.inputs, noise), clips.labels
    )
    test = LabelledInputs(validation.inputs, (validation.labels + 1) % 5)
    given = GivenClips(splits=SplitInputs(training, validation, test, "patterns"))
    config = replace(TINY, clips=given, network=replace(SMALL, training=FAST))

    result = train_filter(config, tmp_path)

    network = VideoMAEForVideoClassification.from_pretrained(tmp_path, dtype=torch.float32)
    form = config.network.start().form
    by_validation, by_test = (
        FilterReport(probabilities=predict(config, Start(network, form, ""), split.inputs), labels=split.labels)
        for split in (validation, test)
    )
    assert by_validation.best_threshold() != by_test.best_threshold()
    assert result.threshold == by_validation.best_threshold() == classifier_of(tmp_path).own_threshold
    np.testing.assert_array_equal(result.test.labels, test.labels)


def test_learns_what_it_is_shown_although_some_classes_are_rare() -> None:
    clips = patterns(60, 3, 3, 1, 1)
    config = replace(TINY, network=replace(SMALL, training=replace(FAST, epochs=12)))

    start = trained(config, clips)

    assert predict(config, start, clips.inputs).argmax(axis=1).tolist() == clips.labels.tolist()


def test_the_same_config_gives_the_same_weights(tmp_path: Path) -> None:
    clips = patterns(2, 2, 2, 2, 2)
    given = GivenClips(splits=SplitInputs(clips, clips, clips, "patterns"))

    for name, seed in {"one": 0, "two": 0, "other": 1}.items():
        train_filter(replace(TINY, clips=given, seed=seed), tmp_path / name)
        torch.rand(1)

    one, two, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other


def test_dropout_is_over_when_the_network_is_measured() -> None:
    clips = patterns(1, 1, 1, 1, 1)
    start = SMALL.start()
    start = start._replace(model=VideoMAEForVideoClassification(tiny_videomae(hidden_dropout_prob=0.5, num_labels=5)))

    fit(TINY, start, clips)

    one, two = (predict(TINY, start, clips.inputs) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_training_that_diverges_is_an_error() -> None:
    wild = replace(FAST, base_learning_rate=1e30, warmup_epochs=0)

    with pytest.raises(ValueError, match="lower base_learning_rate"):
        trained(replace(TINY, network=replace(SMALL, training=wild)), patterns(2, 2, 2, 2, 2))


@pytest.mark.slow
def test_several_workers_draw_the_same_clips_in_the_same_order() -> None:
    form = SMALL.start().form

    alone, shared = (generate_inputs(3, 10, form, workers=workers) for workers in (1, 2))

    np.testing.assert_array_equal(alone.inputs, shared.inputs)
    np.testing.assert_array_equal(alone.labels, shared.labels)


def test_no_drawn_clip_is_in_two_splits() -> None:
    splits = DrawnClips(training=5, validation=5, test=5).gather(SMALL.start().form, seed=0)

    shown = [video.tobytes() for split in splits[:3] for video in split.inputs]
    assert len(set(shown)) == 15


def test_more_clips_than_the_disk_holds_are_an_error() -> None:
    form = ContentInput(channels="rgb", side=224, mean=(0.0,) * 3, std=(1.0,) * 3)

    with pytest.raises(ValueError, match=r"1000000000000 clips need 2408448000\.0 GB .*TMPDIR"):
        store_inputs([], 10**12, form)


@pytest.mark.parametrize("kind", [VideoMAEForPreTraining, VideoMAEForVideoClassification])
def test_fine_tuning_starts_from_the_encoder_of_any_videomae(tmp_path: Path, kind: Any) -> None:
    """Published pre-trained checkpoints have no classifier, and pool by the first token; others have 400 classes."""
    is_bare = kind is VideoMAEForPreTraining
    saved = kind(tiny_videomae(use_mean_pooling=not is_bare, num_labels=400))
    saved.save_pretrained(tmp_path)

    start = FineTune(checkpoint=str(tmp_path)).start()

    given, found = saved.state_dict(), start.model.state_dict()
    encoder = [name for name in found if name.startswith("videomae.")]
    assert len(encoder) > 20
    assert all(torch.equal(given[name], found[name]) for name in encoder)
    assert found["classifier.weight"].shape == (5, 32)
    assert start.model.config.use_mean_pooling
    assert start.model.config.id2label == dict(enumerate(CONTENT_CLASSES))
    assert "classifier.weight" in start.origin
    assert ("fc_norm.weight" in start.origin) == is_bare


def test_a_classifier_for_the_same_classes_is_kept_and_one_for_five_others_is_not(tmp_path: Path) -> None:
    config = tiny_videomae(id2label=dict(enumerate(CONTENT_CLASSES)), input_channels="motion")
    ours, swapped = VideoMAEForVideoClassification(config), ("walk", "run", "sit", "lie", "fly")
    ours.save_pretrained(tmp_path / "ours")
    ours.config.id2label = dict(enumerate(swapped))
    ours.save_pretrained(tmp_path / "others")

    kept, new = (FineTune(checkpoint=str(tmp_path / name)).start() for name in ("ours", "others"))

    given = ours.state_dict()["classifier.weight"]
    assert torch.equal(kept.model.state_dict()["classifier.weight"], given)
    assert not torch.equal(new.model.state_dict()["classifier.weight"], given)
    assert ("the checkpoint's own" in kept.origin, "new: classifier" in new.origin) == (True, True)
    assert kept.form.channels == "motion"


def test_a_checkpoint_that_cannot_be_fine_tuned_is_an_error(tmp_path: Path) -> None:
    ViTModel(ViTConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)).save_pretrained(tmp_path / "vit")
    VideoMAEForPreTraining(tiny_videomae(num_frames=8)).save_pretrained(tmp_path / "short")
    VideoMAEForPreTraining(tiny_videomae()).save_pretrained(tmp_path / "sizes")
    config = tmp_path / "sizes" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"intermediate_size": 96}))
    (tmp_path / "pickle").mkdir()
    (tmp_path / "pickle" / "pytorch_model.bin").write_bytes(b"")

    for name, message in {
        "vit": "model_type 'vit', expected 'videomae'",
        "short": "num_frames 8, expected 16",
        "sizes": "lacks .*intermediate",
    }.items():
        with pytest.raises(ValueError, match=message):
            FineTune(checkpoint=str(tmp_path / name)).start()
    with pytest.raises(FileNotFoundError, match="safetensors"):
        FineTune(checkpoint=str(tmp_path / "pickle")).start()


def test_counts_who_is_taken_for_whom() -> None:
    report = FilterReport(probabilities=one_hot(0, 1, 1, 4), labels=np.array([0, 0, 1, 3]))

    assert np.argwhere(report.confusion).tolist() == [[0, 0], [0, 1], [1, 1], [3, 4]]
    assert report.confusion.sum() == 4
    assert report.accuracy == 0.5
    np.testing.assert_equal(report.precision, [1, 0.5, np.nan, np.nan, 0])
    np.testing.assert_equal(report.recall, [0.5, 1, np.nan, 0, np.nan])


def test_keeps_what_the_stage_would_keep() -> None:
    probabilities = np.array([[0.9, 0.1, 0, 0, 0], [0.4, 0.3, 0.3, 0, 0], [0.7, 0.3, 0, 0, 0], [0.45, 0.55, 0, 0, 0]])
    report = FilterReport(probabilities=probabilities, labels=np.array([0, 0, 1, 2]))

    assert report.kept_share(0.3) == (1.0, 1.0)
    assert report.kept_share(0.5) == (0.5, 0.5)
    assert report.kept_share(0.8) == (0.5, 0.0)
    assert report.balanced_accuracy(0.8) == 0.75
    assert report.area_under_curve == 0.5  # 0.9 beats both, 0.4 beats none


def test_the_best_threshold_lies_between_the_groups() -> None:
    probabilities = np.vstack([one_hot(0, 0, confidence=0.8), one_hot(0, 0, confidence=0.4)])

    report = FilterReport(probabilities=probabilities, labels=np.array([0, 0, 1, 2]))

    assert report.best_threshold() == pytest.approx(0.6, abs=0.051)
    assert report.balanced_accuracy(report.best_threshold()) == 1
    assert report.area_under_curve == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [({"side": 90}, "patch_size"), ({"hidden_size": 161}, "num_heads")],
)
def test_impossible_networks_are_errors(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FromScratch(**values)


def test_too_few_drawn_clips_are_an_error() -> None:
    with pytest.raises(ValueError, match="test 4, expected at least 5"):
        DrawnClips(test=4)
