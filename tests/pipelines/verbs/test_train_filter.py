"""`train-filter`: which clips and which network the options choose, and what is said in the end."""

from pathlib import Path

import pytest

from curation.annotators.content.classifier import VideoMaeConfig, VideoMaeContentClassifier
from curation.content_training.labelled import LabelledClips
from curation.content_training.networks import FineTune
from curation.content_training.recipe import Recipe
from curation.content_training.training import FilterTrainingConfig
from pipelines.__main__ import main
from pipelines.config import parse
from pipelines.verbs.train_filter import TrainFilter


def test_labels_and_a_checkpoint_bring_the_recipe_for_fine_tuning() -> None:
    options = ["--training.clips.profile", "labelled", "--training.clips.files", "a.csv", "b.csv"]
    options += ["--training.network.profile", "fine_tune", "--training.network.checkpoint", "videomae"]

    command = parse(TrainFilter, ["--output", "filter", *options], verb="train-filter")

    assert command.training == FilterTrainingConfig(
        clips=LabelledClips(files=(Path("a.csv"), Path("b.csv"))),
        network=FineTune(checkpoint="videomae", tuning=Recipe()),
    )
    assert Recipe() != FilterTrainingConfig().network.recipe


def test_trains_on_drawn_clips_and_says_how_the_filter_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--training.clips.training", "5", "--training.clips.validation", "5", "--training.clips.test", "5"]
    options += ["--training.network.side", "32", "--training.network.hidden-size", "32"]

    status = main(["train-filter", "--output", str(tmp_path / "filter"), *options])

    written = capsys.readouterr()
    threshold = VideoMaeContentClassifier(VideoMaeConfig(checkpoint=str(tmp_path / "filter"))).own_threshold
    assert status == 0
    assert "test split, 5 clips: five-way accuracy" in written.out
    assert f"at the threshold {threshold:.2f}, chosen on the validation split" in written.out
    assert written.err.count("draw clips: 5/5 clips") == 3
    assert "train: 2/2 steps" in written.err


def test_no_labels_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--training.clips.profile", "labelled"]

    assert main(["train-filter", "--output", str(tmp_path / "filter"), *options]) == 2
    assert "expected label files as `label-clips` writes them" in capsys.readouterr().err
