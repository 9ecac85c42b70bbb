"""Rejects undesirable clips: still images, slight motion, screen in screen, screen recordings (A.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import CONTENT_CLASSES, ContentClassifier, InsetFinder
from curation.records import Clip, Frames
from curation.rules import Bound, Facts, Rule
from curation.stage import Resources, Stage
from dataset_schema import Annotator
from storage.configs import strict

# Panda-70M publishes the same filter's labels, and this one beside the classes: so there is a threshold.
LOW_DESIRABLE_SCORE = "low_desirable_score"

_LOWER: Final = (
    "if that is wrong here, lower the limit: --curation.content-filter.min-desirable 0.1; the embedded filter is small "
    "and errs, docs/embedded.md says how often"
)
# The classes of pictures that are put together from several.
_COMPOSED: Final = ("screen_in_screen", "screen_recording")

_ADVICE: Final = {
    "desirable": _LOWER,
    "still_foreground": f"give footage in which something moves, not a picture that a camera pans over; {_LOWER}",
    "slight_motion": f"give footage with more motion; {_LOWER}",
    "screen_in_screen": f"crop the inset, the border or the overlay away; {_LOWER}",
    "screen_recording": f"give filmed footage instead of a recorded screen; {_LOWER}",
}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFilterConfig:
    """The policy.

    Attributes:
        min_desirable: probability that the class `desirable` must reach; None takes the one that was chosen with the
            weights. Our choice: the paper gives none, and a network trained on other data has another best threshold.
        inset_odds: how many times likelier `screen_in_screen` and `screen_recording`, in which windows lie over one
            another too, become against the other classes where a picture is found to be laid over the clip; 1 leaves
            the network's probabilities as they are. Our choice: 100, because what is found is what defines the class;
            docs/decisions/0017-insets.md has the counts.
    """

    min_desirable: float | None = None
    inset_odds: float = 100.0

    def __post_init__(self) -> None:
        if self.min_desirable is not None and not 0 <= self.min_desirable <= 1:
            raise ValueError(f"min_desirable is {self.min_desirable}, expected a probability in [0, 1]")
        if not 1 <= self.inset_odds < float("inf"):
            raise ValueError(f"inset_odds is {self.inset_odds}, expected a finite number of at least 1")


class ThresholdedClassifier(ContentClassifier, Protocol):
    """A classifier that may come with the threshold that its training chose."""

    @property
    def own_threshold(self) -> float | None:
        """The probability of `desirable` that a clip must reach; None if nobody chose one. Does not load the network.

        Raises:
            FileNotFoundError: the weights are missing.
        """
        ...


class ContentFilter(Stage):
    """Scores every clip for the five classes; one threshold on `desirable` decides, as it was chosen in training.

    Args:
        insets: looks for pictures laid over the clip, which the probabilities then say; None leaves all to the network.
    """

    name: ClassVar[str] = "content_filter"
    reads: ClassVar[frozenset[str]] = frozenset({"frames"})
    adds: ClassVar[frozenset[str]] = frozenset(CONTENT_CLASSES)

    def __init__(
        self, config: ContentFilterConfig, classifier: ThresholdedClassifier, insets: InsetFinder | None = None
    ) -> None:
        self._classifier = classifier
        self._insets = insets if config.inset_odds > 1 else None
        self._inset_odds = config.inset_odds
        self._chosen_threshold = config.min_desirable

    @property
    def resources(self) -> Resources:
        """Those of the classifier and of who looks for insets, who take turns."""
        resources = self._classifier.resources
        return resources if self._insets is None else resources + self._insets.resources

    @property
    def rules(self) -> tuple[Rule, ...]:
        """`desirable` is likely enough; if not, the class that is likelier gives the reason."""
        return tuple(self._rule(name) for name in CONTENT_CLASSES)

    def annotators(self) -> tuple[Annotator, ...]:
        """The classifier, and who looks for insets.

        Raises:
            ValueError: neither the config nor the weights have a threshold.
        """
        self._threshold()
        described = self._classifier.describe()
        return (described,) if self._insets is None else (described, self._insets.describe())

    def setup(self) -> None:
        """Load the weights."""
        self._classifier.load()
        if self._insets is not None:
            self._insets.load()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with the probabilities of the five classes."""
        if not clips:
            return []
        frames = [_frames(clip) for clip in clips]
        probabilities = self._classifier.classify(np.stack([each.content for each in frames]))
        if self._insets is not None:
            probabilities = _with_insets(probabilities, self._insets.find(frames), self._inset_odds)
        return [
            clip.with_scores(**dict(zip(CONTENT_CLASSES, map(float, row), strict=True)))
            for clip, row in zip(clips, probabilities, strict=True)
        ]

    def measured(self, clip: Clip) -> str:
        """The two likeliest classes, and `desirable`."""
        known = {name: value for name, value in clip.scores.known().items() if name in CONTENT_CLASSES}
        likeliest = sorted(known, key=lambda name: -known[name])[:2]
        shown = dict.fromkeys([*likeliest, "desirable"] if likeliest else [])
        return ", ".join(f"{name.replace('_', ' ')} {known[name]:.2f}" for name in shown)

    def _rule(self, name: str) -> Rule:
        threshold = self._threshold()
        found = "" if name == "desirable" else f"{name} has probability {{{name}:.2f}}; "
        return Rule(
            code=LOW_DESIRABLE_SCORE if name == "desirable" else name,
            reads="desirable",
            bound=Bound.AT_LEAST,
            limit=threshold,
            sentence=found + "desirable has probability {value:.2f}, expected {limit:.2f}",
            plain="not surely desirable" if name == "desirable" else name.replace("_", " "),
            advice=_ADVICE[name],
            value_of=partial(_desirable_against, name),
        )

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


def _frames(clip: Clip) -> Frames:
    if clip.frames is None:
        raise ValueError(f"clip {clip.clip_id} has no frames, expected a stage that decodes before the content filter")
    return clip.frames


def _with_insets(
    probabilities: npt.NDArray[np.float64], has_inset: Sequence[bool], odds: float
) -> npt.NDArray[np.float64]:
    """Bayes' rule. Finding none changes nothing: insets of other kinds are not looked for."""
    weights = np.array([odds if name in _COMPOSED else 1.0 for name in CONTENT_CLASSES])
    weighted = probabilities * weights
    weighted = weighted / weighted.sum(axis=1, keepdims=True)
    return np.asarray(np.where(np.asarray(has_inset)[:, None], weighted, probabilities))


def _desirable_against(name: str, facts: Facts) -> float | None:
    """The score of `desirable` if this class is the likeliest one; else its rule is not about the clip."""
    known = {each: facts[each] for each in CONTENT_CLASSES if each in facts}
    if len(known) < len(CONTENT_CLASSES) or max(known, key=lambda each: known[each]) != name:
        return None
    return float(facts["desirable"])
