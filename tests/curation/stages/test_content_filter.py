from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from curation.annotators.protocols import CONTENT_CLASSES
from curation.records import Clip, Frames
from curation.stage import Resources
from curation.stages.content_filter import LOW_DESIRABLE_SCORE, ContentFilter, ContentFilterConfig
from dataset_schema import Annotator, Source
from tests.curation.deciding import reasons_of


class BrightnessClassifier:
    """Finds the class whose index is the clip's first pixel; remembers what it was shown."""

    def __init__(self, own_threshold: float | None = 0.5) -> None:
        self.own_threshold = own_threshold
        self.is_loaded = False
        self.shapes: list[tuple[int, ...]] = []

    def describe(self) -> Annotator:
        return Annotator(job="content_filter", name="brightness", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        self.is_loaded = True

    def classify(self, videos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        self.shapes.append(videos.shape)
        probabilities = np.full((len(videos), 5), 0.05)
        probabilities[np.arange(len(videos)), videos[:, 0, 0, 0, 0]] = 0.8
        return probabilities


class ScriptedInsets:
    """Answers what it is told, clip by clip."""

    def __init__(self, *answers: bool) -> None:
        self._answers = list(answers)

    def describe(self) -> Annotator:
        return Annotator(job="insets", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def find(self, clips: Sequence[Frames]) -> list[bool]:
        assert len(clips) == len(self._answers)
        return self._answers


def make_clip(number: int, first_pixel: int = 0) -> Clip:
    frames = Frames(
        thumbnails=np.zeros((4, 27, 48, 3), np.uint8),
        times_s=np.arange(4.0),
        content=np.full((16, 224, 224, 3), first_pixel, np.uint8),
        content_times_s=np.arange(16.0),
        reference_frames=(),
    )
    source = Source(id=f"{number:016x}", uri=f"{number}.mp4")
    return Clip(clip_id=f"{number:016x}", source=source, caption="A dog runs.", frames=frames)


def scored(*probabilities: float) -> Clip:
    return make_clip(1).with_scores(**dict(zip(CONTENT_CLASSES, probabilities, strict=True)))


def reasons(clip: Clip, min_desirable: float) -> list[str]:
    stage = ContentFilter(ContentFilterConfig(min_desirable=min_desirable), BrightnessClassifier())
    return [reason.reason for reason in reasons_of(stage, clip)]


def test_gives_every_clip_its_own_five_scores_in_order() -> None:
    classifier = BrightnessClassifier()

    outcomes = ContentFilter(ContentFilterConfig(), classifier).score([make_clip(1, 4), make_clip(2, 0)])

    assert classifier.shapes == [(2, 16, 224, 224, 3)]
    assert [clip.clip_id for clip in outcomes] == [make_clip(1).clip_id, make_clip(2).clip_id]
    assert [(clip.scores.desirable, clip.scores.screen_recording) for clip in outcomes] == [(0.05, 0.8), (0.8, 0.05)]


def test_leaves_the_scores_of_other_stages_alone() -> None:
    clip = make_clip(1).with_scores(shot_change=0.3)

    (outcome,) = ContentFilter(ContentFilterConfig(), BrightnessClassifier()).score([clip])

    assert outcome.scores.shot_change == 0.3


def test_keeps_a_clip_that_is_desirable_enough() -> None:
    assert reasons(scored(0.6, 0.1, 0.1, 0.1, 0.1), 0.6) == []


@pytest.mark.parametrize("index", [1, 2, 3, 4])
def test_names_the_undesirable_class_that_is_most_likely(index: int) -> None:
    probabilities = [0.35, 0.05, 0.05, 0.05, 0.05]
    probabilities[index] = 0.45

    assert reasons(scored(*probabilities), 0.4) == [CONTENT_CLASSES[index]]


def test_keeps_a_clip_above_the_threshold_although_another_class_is_likelier() -> None:
    assert reasons(scored(0.45, 0.02, 0.02, 0.5, 0.01), 0.3) == []


def test_says_so_when_no_undesirable_class_wins_and_the_score_is_low() -> None:
    assert reasons(scored(0.4, 0.3, 0.1, 0.1, 0.1), 0.5) == [LOW_DESIRABLE_SCORE]


def test_a_higher_threshold_keeps_no_clip_that_a_lower_one_rejects() -> None:
    clips = [scored(*row) for row in np.random.default_rng(0).dirichlet(np.full(5, 0.5), 200)]

    kept = [{index for index, clip in enumerate(clips) if not reasons(clip, level)} for level in (0.2, 0.5, 0.9)]

    assert kept[0] > kept[1] > kept[2]


def test_a_row_whose_clip_did_not_come_so_far_is_not_rejected_for_it() -> None:
    assert reasons(make_clip(1), 0.5) == []


def test_a_clip_that_was_not_decoded_is_not_scored() -> None:
    with pytest.raises(ValueError, match="no frames"):
        ContentFilter(ContentFilterConfig(), BrightnessClassifier()).score([replace(make_clip(1), frames=None)])


def test_loads_its_network_at_setup() -> None:
    classifier = BrightnessClassifier()

    ContentFilter(ContentFilterConfig(), classifier).setup()

    assert classifier.is_loaded


def test_the_threshold_that_came_with_the_weights_decides_unless_the_policy_has_its_own() -> None:
    clip = scored(0.6, 0.1, 0.1, 0.1, 0.1)

    def is_kept(own: float, chosen: float | None) -> bool:
        stage = ContentFilter(ContentFilterConfig(min_desirable=chosen), BrightnessClassifier(own_threshold=own))
        return reasons_of(stage, clip) == ()

    assert [is_kept(own=0.55, chosen=None), is_kept(own=0.65, chosen=None)] == [True, False]
    assert [is_kept(own=0.55, chosen=0.65), is_kept(own=0.65, chosen=0.55)] == [False, True]
    assert [is_kept(own=0.55, chosen=1.0), is_kept(own=0.65, chosen=0.0)] == [False, True]


def test_weights_without_a_threshold_are_found_before_anything_runs() -> None:
    stage = ContentFilter(ContentFilterConfig(), BrightnessClassifier(own_threshold=None))

    with pytest.raises(ValueError, match="brightness carry no threshold"):
        stage.annotators()


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_threshold_that_is_no_probability_is_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="min_desirable"):
        ContentFilterConfig(min_desirable=value)


def test_an_inset_makes_composed_pictures_likelier_by_the_odds_and_leaves_other_clips_alone() -> None:
    stage = ContentFilter(ContentFilterConfig(inset_odds=100), BrightnessClassifier(), ScriptedInsets(True, False))

    found, other = (clip.scores for clip in stage.score([make_clip(1), make_clip(2)]))

    # By hand: 0.8 against twice 0.05 * 100, with twice 0.05 besides.
    assert found.screen_in_screen == found.screen_recording == pytest.approx(5 / 10.9)
    assert found.desirable == pytest.approx(0.8 / 10.9)
    assert sum(getattr(found, name) for name in CONTENT_CLASSES) == pytest.approx(1)
    assert (other.desirable, other.screen_in_screen) == (0.8, 0.05)


def test_a_clip_with_an_inset_is_rejected_as_screen_in_screen() -> None:
    stage = ContentFilter(ContentFilterConfig(), BrightnessClassifier(), ScriptedInsets(True))

    (clip,) = stage.score([make_clip(1)])

    assert [reason.reason for reason in reasons_of(stage, clip)] == ["screen_in_screen"]


def test_a_recording_whose_windows_pop_up_stays_a_recording() -> None:
    stage = ContentFilter(ContentFilterConfig(), BrightnessClassifier(), ScriptedInsets(True))

    (clip,) = stage.score([make_clip(1, first_pixel=4)])

    assert [reason.reason for reason in reasons_of(stage, clip)] == ["screen_recording"]


def test_odds_of_one_leave_all_to_the_network() -> None:
    stage = ContentFilter(ContentFilterConfig(inset_odds=1), BrightnessClassifier(), ScriptedInsets(True))

    (clip,) = stage.score([make_clip(1)])

    assert clip.scores.desirable == 0.8
    assert [each.job for each in stage.annotators()] == ["content_filter"]


def test_says_who_looked_for_insets() -> None:
    stage = ContentFilter(ContentFilterConfig(), BrightnessClassifier(), ScriptedInsets())

    assert [each.name for each in stage.annotators()] == ["brightness", "scripted"]


@pytest.mark.parametrize("value", [0.5, float("inf"), float("nan")])
def test_odds_that_say_nothing_or_everything_are_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="inset_odds"):
        ContentFilterConfig(inset_odds=value)
