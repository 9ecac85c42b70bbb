"""Rejects undesirable clips: still images, slight motion, screen in screen, screen recordings (A.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

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
        min_desirable: probability that the class `desirable` must reach; None takes the one that was chosen with the
            weights. Our choice: the paper gives none, and a network trained on other data has another best threshold.
    """

    min_desirable: float | None = None

    def __post_init__(self) -> None:
        if self.min_desirable is not None and not 0 <= self.min_desirable <= 1:
            raise ValueError(f"min_desirable is {self.min_desirable}, expected a probability in [0, 1]")


class ThresholdedClassifier(ContentClassifier, Protocol):
    """A classifier that may come with the threshold that its training chose."""

    @property
    def own_threshold(self) -> float | None:
        """The probability of `desirable` that a clip must reach; None if nobody chose one. Does not load the network.

        Raises:
            FileNotFoundError: the weights are missing.
        """
        ...


class ContentFilter:
    """Scores every clip for the five classes; one threshold on `desirable` decides, as it was chosen in training."""

    name: ClassVar[str] = "content_filter"
    reads: ClassVar[frozenset[str]] = frozenset({"frames"})
    adds: ClassVar[frozenset[str]] = frozenset({"scores"})

    def __init__(self, config: ContentFilterConfig, classifier: ThresholdedClassifier) -> None:
        self._classifier = classifier
        self._chosen_threshold = config.min_desirable

    @property
    def resources(self) -> Resources:
        """Those of the classifier."""
        return self._classifier.resources

    def annotators(self) -> tuple[Annotator, ...]:
        """The classifier.

        Raises:
            ValueError: neither the config nor the weights have a threshold.
        """
        self._threshold()
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
        threshold = self._threshold()
        if scores["desirable"] >= threshold:
            return ()
        likeliest = max(scores, key=lambda name: scores[name])
        detail = f"desirable has probability {scores['desirable']:.2f}, expected {threshold:.2f}"
        if likeliest == "desirable":
            return (Reason(stage=self.name, reason=LOW_DESIRABLE_SCORE, detail=detail),)
        detail = f"{likeliest} has probability {scores[likeliest]:.2f}; {detail}"
        return (Reason(stage=self.name, reason=likeliest, detail=detail),)

    def _threshold(self) -> float:
        if self._chosen_threshold is None:
            self._chosen_threshold = self._classifier.own_threshold
        if self._chosen_threshold is None:
            name = self._classifier.describe().name
            raise ValueError(
                f"content filter weights {name} carry no threshold (min_desirable in their config.json), expected one; "
                "set content_filter.min_desirable, or train the weights with `train-filter`, which chooses it"
            )
        return self._chosen_threshold


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
