"""Rejects undesirable clips: still images, slight motion, screen in screen, screen recordings (A.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from curation.annotators.protocols import CONTENT_CLASSES, ContentClassifier
from curation.records import Clip
from curation.stage import Resources
from dataset_schema import Annotator, Reason, Scores

# Panda-70M publishes the same filter's labels, and this one beside the classes: so there is a threshold.
LOW_DESIRABLE_SCORE = "low_desirable_score"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFilterConfig:
    """The policy.

    Attributes:
        min_desirable: probability that the class `desirable` must reach. Our choice: the paper gives none; at this one
            the weights that ship tell desirable from undesirable best on their held-out drawn clips, and their model
            card says how well. A network trained on other data has its own best threshold.
    """

    min_desirable: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.min_desirable <= 1:
            raise ValueError(f"min_desirable is {self.min_desirable}, expected a probability in [0, 1]")


class ContentFilter:
    """Scores every clip for the five classes; one threshold on `desirable` decides, as the shipped one was chosen."""

    name: ClassVar[str] = "content_filter"
    reads: ClassVar[frozenset[str]] = frozenset({"frames"})
    adds: ClassVar[frozenset[str]] = frozenset({"scores"})

    def __init__(self, config: ContentFilterConfig, classifier: ContentClassifier) -> None:
        self._config = config
        self._classifier = classifier

    @property
    def resources(self) -> Resources:
        """Those of the classifier."""
        return self._classifier.resources

    def annotators(self) -> tuple[Annotator, ...]:
        """The classifier."""
        return (self._classifier.describe(),)

    def setup(self) -> None:
        """Load the weights."""
        self._classifier.load()

    def close(self) -> None:
        """Nothing to let go of."""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with the probabilities of the five classes."""
        if not clips:
            return []
        videos = np.stack([_content_frames(clip) for clip in clips])
        probabilities = self._classifier.classify(videos)
        return [
            clip.with_scores(**dict(zip(CONTENT_CLASSES, map(float, row), strict=True)))
            for clip, row in zip(clips, probabilities, strict=True)
        ]

    def decide(self, clip: Clip) -> tuple[Reason, ...]:
        """Whether `desirable` is likely enough; if not, the class that is likelier gives the reason."""
        scores = _class_scores(clip.clip_id, clip.scores)
        if scores["desirable"] >= self._config.min_desirable:
            return ()
        likeliest = max(scores, key=lambda name: scores[name])
        detail = f"desirable has probability {scores['desirable']:.2f}, expected {self._config.min_desirable:.2f}"
        if likeliest == "desirable":
            return (Reason(stage=self.name, reason=LOW_DESIRABLE_SCORE, detail=detail),)
        detail = f"{likeliest} has probability {scores[likeliest]:.2f}; {detail}"
        return (Reason(stage=self.name, reason=likeliest, detail=detail),)


def _content_frames(clip: Clip) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    if clip.frames is None:
        raise ValueError(f"clip {clip.clip_id} has no frames, expected a stage that decodes before the content filter")
    return clip.frames.content


def _class_scores(clip_id: str, scores: Scores) -> dict[str, float]:
    values: dict[str, float | None] = {name: getattr(scores, name) for name in CONTENT_CLASSES}
    known = {name: value for name, value in values.items() if value is not None}
    if len(known) < len(values):
        missing = sorted(set(values) - set(known))
        raise ValueError(f"clip {clip_id} has no score for {missing}, expected the content filter to score it first")
    return known
