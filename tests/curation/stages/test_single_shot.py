from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.records import Clip, Frames, Video
from curation.stage import Resources
from curation.stages.single_shot import SingleShotConfig, SingleShotFilter, cut_frames
from dataset_schema import Annotator, Source
from tests.curation.deciding import reasons_of


@dataclass
class ScriptedDetector:
    """Gives out the probabilities it was told."""

    probabilities: list[float]
    seen: list[Video] = field(default_factory=list)

    def describe(self) -> Annotator:
        return Annotator(job="shots", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None: ...

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        self.seen.append(thumbnails)
        return np.array(self.probabilities)


def clip_with(count: int, *, first_s: float = 0.0) -> Clip:
    frames = Frames(
        thumbnails=np.zeros((count, 27, 48, 3), np.uint8),
        times_s=first_s + np.arange(count) / 10,
        content=np.zeros((16, 224, 224, 3), np.uint8),
        content_times_s=np.zeros(16),
        reference_frames=(),
    )
    return Clip(clip_id="0" * 16, source=Source(id="0" * 16, uri="a.mp4"), caption="", frames=frames)


def scored(probabilities: list[float], threshold: float = 0.5) -> tuple[SingleShotFilter, Clip]:
    stage = SingleShotFilter(SingleShotConfig(threshold=threshold), ScriptedDetector(probabilities))
    stage.setup()
    (clip,) = stage.score([clip_with(len(probabilities), first_s=100.0)])
    return stage, clip


def test_a_clip_without_a_likely_change_passes() -> None:
    stage, clip = scored([0.0, 0.49, 0.1, 0.0])

    assert clip.scores.shot_change == pytest.approx(0.49)
    assert clip.cut_times_s == ()
    assert reasons_of(stage, clip) == ()


def test_the_reason_says_when_the_new_shots_begin() -> None:
    stage, clip = scored([0.0, 0.6, 0.9, 0.55, 0.0, 0.0, 0.7, 0.0])

    (reason,) = reasons_of(stage, clip)

    assert (reason.stage, reason.reason) == ("single_shot_filter", "several_shots")
    assert reason.detail == "a shot change with probability 0.90 (limit 0.5), at 100.30 s, 100.70 s"
    assert clip.cut_times_s == pytest.approx((100.3, 100.7))


def test_the_last_frame_has_no_next_one_to_differ_from() -> None:
    stage, clip = scored([0.0, 0.1, 0.99])

    assert clip.scores.shot_change == pytest.approx(0.1)
    assert reasons_of(stage, clip) == ()


def test_a_single_frame_is_a_single_shot() -> None:
    stage, clip = scored([0.9])

    assert clip.scores.shot_change == 0.0
    assert reasons_of(stage, clip) == ()


def test_a_stored_score_can_be_decided_again_without_frames() -> None:
    _, clip = scored([0.0, 0.6, 0.0])
    stored = replace(clip, frames=None, cut_times_s=None)
    lenient = SingleShotFilter(SingleShotConfig(threshold=0.7), ScriptedDetector([]))
    strict = SingleShotFilter(SingleShotConfig(threshold=0.6), ScriptedDetector([]))

    assert reasons_of(lenient, stored) == ()
    assert reasons_of(strict, stored)[0].detail == "a shot change with probability 0.60 (limit 0.6)"


def test_the_detector_sees_the_thumbnails_and_is_named() -> None:
    detector = ScriptedDetector([0.0] * 5)
    stage = SingleShotFilter(SingleShotConfig(), detector)
    clip = clip_with(5)

    stage.score([clip])

    assert clip.frames is not None
    assert detector.seen[0] is clip.frames.thumbnails
    assert stage.annotators() == (detector.describe(),)


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0.01, 1))
def test_every_run_above_the_threshold_is_one_cut_at_its_peak(probabilities: list[float], threshold: float) -> None:
    values = np.array(probabilities)

    cuts = cut_frames(values, threshold)

    is_above = values >= threshold
    starts_of_runs = sum(bool(above) and (i == 0 or not is_above[i - 1]) for i, above in enumerate(is_above))
    assert len(cuts) == starts_of_runs
    assert cuts == sorted(set(cuts))
    assert all(values[cut - 1] >= threshold for cut in cuts)
    assert bool(cuts) == (values.max(initial=0.0) >= threshold)


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_impossible_thresholds_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        SingleShotConfig(threshold=threshold)
