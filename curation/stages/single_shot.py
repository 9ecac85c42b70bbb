"""Rejects clips that show more than one shot (A.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import ShotDetector
from curation.records import Clip
from curation.rules import Bound, Rule
from curation.shot_changes import shot_changes
from curation.stage import Resources, Stage
from dataset_schema import Annotator
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SingleShotConfig:
    """When a clip counts as several shots.

    Attributes:
        threshold: probability of a shot change from which a clip is rejected. TransNetV2's own repository cuts at 0.5;
            the paper does not say.
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"single shot filter has threshold {self.threshold}, expected above 0 and at most 1")


class SingleShotFilter(Stage):
    """Scores the likeliest shot change of a clip and rejects clips that have one."""

    name: ClassVar[str] = "single_shot_filter"
    reads: ClassVar[frozenset[str]] = frozenset({"frames"})
    adds: ClassVar[frozenset[str]] = frozenset({"cut_times_s", "shot_change"})

    def __init__(self, config: SingleShotConfig, detector: ShotDetector) -> None:
        self._config = config
        self.detector = detector

    @property
    def resources(self) -> Resources:
        """Those of the detector."""
        return self.detector.resources

    @property
    def rules(self) -> tuple[Rule, ...]:
        """No shot change."""
        return (
            Rule(
                code="several_shots",
                reads="shot_change",
                bound=Bound.BELOW,
                limit=self._config.threshold,
                sentence="a shot change with probability {value:.2f} (limit {limit:g}){where_cut}",
                plain="several shots",
                advice="let curation cut it into its shots: --curation.several-shots split; or give the span of one "
                "shot",
            ),
        )

    @property
    def threshold(self) -> float:
        """The probability from which a shot change counts."""
        return self._config.threshold

    def annotators(self) -> tuple[Annotator, ...]:
        """The shot detector."""
        return (self.detector.describe(),)

    def setup(self) -> None:
        """Load the detector."""
        self.detector.load()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with `shot_change` and the times of their cuts."""
        return [self._score(clip) for clip in clips]

    def measured(self, clip: Clip) -> str:
        """How many shots, and how likely the likeliest change is."""
        cuts = len(clip.cut_times_s or ())
        return f"{cuts + 1} shot{'s' * (cuts > 0)}; likeliest shot change {clip.scores.shot_change or 0.0:.2f}"

    def _score(self, clip: Clip) -> Clip:
        if clip.frames is None:
            raise ValueError(f"clip {clip.clip_id} has no frames; decode it first")
        # A probability is about a frame and the next one, so the last frame has none.
        probabilities = self.detector.cut_probabilities(clip.frames.thumbnails)[:-1]
        cuts = cut_frames(probabilities, self._config.threshold)
        times_s = clip.frames.times_s[cuts]
        scored = replace(clip, cut_times_s=tuple(times_s.tolist()))
        return scored.with_scores(shot_change=float(probabilities.max(initial=0.0)))


def cut_frames(probabilities: npt.NDArray[np.float64], threshold: float) -> list[int]:
    """The first frame of every new shot: one cut per run of frames at or above the threshold, where it peaks."""
    return [change.likeliest for change in shot_changes(probabilities, threshold)]
