"""The scores of a clip beside their limits."""

from dataclasses import dataclass

from curation.annotators.content.classifier import VideoMaeContentClassifier
from curation.annotators.protocols import CONTENT_CLASSES
from curation.profiles import CurationConfig
from curation.records import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A score in [0, 1].

    Attributes:
        limit: None for a score that decides nothing by itself.
        rule: which side of the limit is right, in words.
        is_broken: it is on the wrong one.
    """

    stage: str
    name: str
    value: float
    limit: float | None = None
    rule: str = ""
    is_broken: bool = False


def score_bars(clip: Clip | None, config: CurationConfig) -> list[Bar]:
    """The scores of a clip as far as it has any."""
    if clip is None:
        return []
    scores = clip.scores
    content = [_content_bar(name, getattr(scores, name), config) for name in CONTENT_CLASSES]
    bars = [
        _shot_bar(scores.shot_change, config),
        *content,
        _subject_bar(scores.subject_confidence, config),
        _leak_bar(scores.background_leak, config),
    ]
    return [bar for bar in bars if bar is not None]


def content_threshold(config: CurationConfig) -> float | None:
    """What `desirable` must reach: from the config, or chosen with the weights."""
    if config.content_filter.min_desirable is not None:
        return config.content_filter.min_desirable
    return VideoMaeContentClassifier(config.annotators.content_filter).own_threshold


def _shot_bar(value: float | None, config: CurationConfig) -> Bar | None:
    if value is None:
        return None
    if config.several_shots == "split":
        return Bar(stage="split_shots", name="shot change", value=value)
    limit = config.single_shot.threshold
    return Bar(
        stage="single_shot_filter",
        name="shot change",
        value=value,
        limit=limit,
        rule=f"below {limit:.2f}",
        is_broken=value >= limit,
    )


def _content_bar(name: str, value: float | None, config: CurationConfig) -> Bar | None:
    least = content_threshold(config) if name == "desirable" else None
    if value is None:
        return None
    return Bar(
        stage="content_filter",
        name=name.replace("_", " "),
        value=value,
        limit=least,
        rule=f"at least {least:.2f}" if least is not None else "",
        is_broken=least is not None and value < least,
    )


def _subject_bar(value: float | None, config: CurationConfig) -> Bar | None:
    if value is None:
        return None
    least = config.entity_masks.min_confidence
    return Bar(
        stage="entity_masks",
        name="subject confidence",
        value=value,
        limit=least,
        rule=f"at least {least:.2f}" if least else "above 0",
        is_broken=value < least or value == 0,
    )


def _leak_bar(value: float | None, config: CurationConfig) -> Bar | None:
    if value is None:
        return None
    most = config.background.max_leak
    return Bar(
        stage="background",
        name="background leak",
        value=value,
        limit=most,
        rule=f"at most {most:.2f}",
        is_broken=value > most,
    )
