"""The network that ships: on clips drawn with a seed that neither its training nor its validation used."""

import json

import numpy as np
import pytest

from curation.annotators.content.classifier import EMBEDDED_WEIGHTS, VideoMaeContentClassifier
from curation.content_training.clips import generate_clip
from curation.content_training.evaluation import FilterReport

SEED = 77

# Measured with these weights and this seed: 0.72 and 0.68. By chance: 0.2 and 0.5.
MIN_ACCURACY = 0.62
MIN_BALANCED_ACCURACY = 0.6


@pytest.fixture(scope="module")
def report() -> FilterReport:
    clips = [generate_clip(SEED, index) for index in range(60)]
    classifier = VideoMaeContentClassifier()
    probabilities = np.concatenate([classifier.classify(clip.frames[None]) for clip in clips])
    return FilterReport(probabilities=probabilities, labels=np.array([clip.label for clip in clips]))


@pytest.mark.slow
def test_names_most_classes_rightly(report: FilterReport) -> None:
    assert report.accuracy >= MIN_ACCURACY


def test_tells_desirable_clips_from_the_others_at_their_own_threshold(report: FilterReport) -> None:
    threshold = VideoMaeContentClassifier().own_threshold

    assert threshold == 0.3
    assert report.balanced_accuracy(threshold) >= MIN_BALANCED_ACCURACY


def test_gives_probabilities(report: FilterReport) -> None:
    np.testing.assert_allclose(report.probabilities.sum(axis=1), 1)
    assert (report.probabilities > 0).all()


def test_is_small_enough_to_ship_and_says_what_it_reads() -> None:
    assert (EMBEDDED_WEIGHTS / "model.safetensors").stat().st_size <= 4_000_000
    assert json.loads((EMBEDDED_WEIGHTS / "config.json").read_text())["input_channels"] == "motion"
