"""Where the caption's entities are in the three reference frames (3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from curation.annotators.protocols import EntityLocator, Scene
from curation.records import Clip, LocatedEntity
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMasksConfig:
    """When a subject counts as located.

    Attributes:
        min_confidence: least mean confidence of the best subject over the frames it was found in. Our choice: 0,
            because every localiser leaves out what it is not sure of, by measures of its own.
    """

    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is {self.min_confidence}, expected a number in [0, 1]")


class EntityMasks:
    """Locates the entity words; rejects clips in which no subject is found, or none for certain.

    Ambiguous masks stay among `located`, since they belong to the foreground whichever of them the caption means.
    """

    name: ClassVar[str] = "entity_masks"
    reads: ClassVar[frozenset[str]] = frozenset({"frames", "entity_words"})
    adds: ClassVar[frozenset[str]] = frozenset({"located"})

    def __init__(self, config: EntityMasksConfig, locator: EntityLocator) -> None:
        self._config = config
        self._locator = locator

    @property
    def resources(self) -> Resources:
        """Those of the locator."""
        return self._locator.resources

    def annotators(self) -> tuple[Annotator, ...]:
        """The locator."""
        return (self._locator.describe(),)

    def setup(self) -> None:
        """Load the locator."""
        self._locator.load()

    def close(self) -> None:
        """Nothing to let go of."""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """Fill `located` and the score `subject_confidence`, which is 0 where no subject was located."""
        scenes = [_scene(clip) for clip in clips]
        found = self._locator.locate(scenes) if scenes else []
        return [_with_located(clip, tuple(entities)) for clip, entities in zip(clips, found, strict=True)]

    def decide(self, clip: Clip) -> tuple[Reason, ...]:
        """`ambiguous_subject`: subject words fit several places; `no_subject_located`: none was found surely enough."""
        confidence = clip.scores.subject_confidence or 0.0
        if confidence >= self._config.min_confidence and confidence > 0:
            return ()
        if confidence == 0 and (words := _ambiguous_subjects(clip)):
            detail = f"{', '.join(map(repr, words))}: the word fits several places of the frame about equally well"
            return (Reason(stage=self.name, reason="ambiguous_subject", detail=detail),)
        return (Reason(stage=self.name, reason="no_subject_located", detail=self._why(clip, confidence)),)

    def _why(self, clip: Clip, confidence: float) -> str:
        words = [w.word for w in clip.entity_words or () if w.kind is EntityKind.SUBJECT]
        found = [len(values) for values in _subject_confidences(clip, clip.located or ()).values()]
        frames = len(clip.frames.reference_frames) if clip.frames else 0
        return (
            f"subject words {', '.join(map(repr, words)) or 'none'}: best one found in {max(found, default=0)} of "
            f"{frames} frames with confidence {confidence:.2f}, expected "
            f"{f'at least {self._config.min_confidence:.2f}' if self._config.min_confidence else 'more than 0'}"
        )


def _scene(clip: Clip) -> Scene:
    if clip.frames is None or clip.entity_words is None:
        raise ValueError(f"clip {clip.clip_id} has no frames or no entity words, expected both; check the plan")
    return Scene(clip.frames.reference_frames, clip.entity_words)


def _with_located(clip: Clip, located: tuple[LocatedEntity, ...]) -> Clip:
    confidence = max((np.mean(values) for values in _subject_confidences(clip, located).values()), default=0.0)
    return replace(clip, located=located).with_scores(subject_confidence=float(confidence))


def _subject_confidences(clip: Clip, located: Sequence[LocatedEntity]) -> dict[int, list[float]]:
    """For each located subject word: the geometric mean of both scores in every frame it was found in for certain."""
    words = clip.entity_words or ()
    confidences: dict[int, list[float]] = {}
    for entity in located:
        if words[entity.word_index].kind is EntityKind.SUBJECT and not entity.is_ambiguous:
            value = float(np.sqrt(entity.detection_score * entity.mask_score))
            confidences.setdefault(entity.word_index, []).append(value)
    return confidences


def _ambiguous_subjects(clip: Clip) -> list[str]:
    """The subject words that fit several places in every frame they were found in, each once."""
    words = clip.entity_words or ()
    found = (words[entity.word_index] for entity in clip.located or () if entity.is_ambiguous)
    return list(dict.fromkeys(word.word for word in found if word.kind is EntityKind.SUBJECT))
