"""Where the caption's entities are in the three reference frames (3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from curation.annotators.protocols import EntityLocator, KnowsItsLimits, Scene
from curation.records import Clip, EntityWord, LocatedEntity
from curation.rules import Bound, Facts, Rule
from curation.stage import Resources, Stage
from dataset_schema import Annotator, EntityKind
from storage.configs import strict


@strict
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


class EntityMasks(Stage):
    """Locates the entity words; rejects clips in which no subject is found, or none for certain.

    Ambiguous masks stay among `located`, since they belong to the foreground whichever of them the caption means.
    """

    name: ClassVar[str] = "entity_masks"
    reads: ClassVar[frozenset[str]] = frozenset({"given", "frames", "entity_words"})
    adds: ClassVar[frozenset[str]] = frozenset({"located", "subject_confidence", "ambiguous_subjects"})

    def __init__(self, config: EntityMasksConfig, locator: EntityLocator) -> None:
        self._config = config
        self._locator = locator

    @property
    def resources(self) -> Resources:
        """Those of the locator."""
        return self._locator.resources

    @property
    def rules(self) -> tuple[Rule, ...]:
        """A subject was located, for certain and surely enough; a subject word that fits several places is not."""
        least = self._config.min_confidence
        return (
            Rule(
                code="ambiguous_subject",
                reads="ambiguous_subjects",
                bound=Bound.AT_MOST,
                limit=0,
                sentence="of the subject words {subject_words}, {value:g} fit several places of the frame about "
                "equally well",
                plain="fits several places",
                advice="write the caption so that it tells one from the other: 'the man in a red coat', 'the woman on "
                "the left'; or give a clip that shows one of its kind",
                value_of=_ambiguous,
            ),
            Rule(
                code="no_subject_located",
                reads="subject_confidence",
                bound=Bound.AT_LEAST if least else Bound.ABOVE,
                limit=least,
                sentence="of the subject words {subject_words} the surest was located with confidence {value:.2f}, "
                f"expected {'at least {limit:.2f}' if least else 'more than 0'}",
                plain="not located",
                advice="give a clip that shows the subject large, whole and moving, with a caption that calls it by a "
                "plain word ('dog'); or let networks that know any word look for it: docs/paper_profile.md",
                value_of=_confidence,
            ),
        )

    def annotators(self) -> tuple[Annotator, ...]:
        """The locator."""
        return (self._locator.describe(),)

    def setup(self) -> None:
        """Load the locator."""
        self._locator.load()

    def measured(self, clip: Clip) -> str:
        """How sure it is of the best subject, in how many frames each word was found, and what is not looked for."""
        frames = len(clip.frames.reference_frames) if clip.frames is not None else 0
        found, missed, unknown = [], [], []
        for index, word in enumerate(clip.entity_words or ()):
            if word.kind is EntityKind.BACKGROUND:
                continue
            if count := _count(clip, index):
                found.append(f"{word.word!r} in {count} of {frames} frames")
            elif reason := self._cannot_find(word):
                unknown.append(f"{word.word!r}: {reason}")
            else:
                missed.append(repr(word.word))
        confidence = f"confidence {clip.scores.subject_confidence or 0.0:.2f}"
        return "; ".join([confidence, *found, *([f"not located: {', '.join(missed)}"] if missed else []), *unknown])

    def _cannot_find(self, word: EntityWord) -> str | None:
        return self._locator.cannot_find(word) if isinstance(self._locator, KnowsItsLimits) else None

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """Fill `located` and the score `subject_confidence`, which is 0 where no subject was located."""
        scenes = [_scene(clip) for clip in clips]
        found = self._locator.locate(scenes) if scenes else []
        return [_with_located(clip, tuple(entities)) for clip, entities in zip(clips, found, strict=True)]


def _count(clip: Clip, index: int) -> int:
    return sum(entity.word_index == index and not entity.is_ambiguous for entity in clip.located or ())


def _scene(clip: Clip) -> Scene:
    if clip.frames is None or clip.entity_words is None:
        raise ValueError(f"clip {clip.clip_id} has no frames or no entity words, expected both; check the plan")
    given = () if clip.given is None else clip.given.masks
    return Scene(clip.frames.reference_frames, clip.entity_words, clip.caption, given)


def _with_located(clip: Clip, located: tuple[LocatedEntity, ...]) -> Clip:
    confidence = max((np.mean(values) for values in _subject_confidences(clip, located).values()), default=0.0)
    return replace(clip, located=located).with_scores(
        subject_confidence=float(confidence), ambiguous_subjects=len(_ambiguous_subjects(clip, located))
    )


def _subject_confidences(clip: Clip, located: Sequence[LocatedEntity]) -> dict[int, list[float]]:
    """For each located subject word: the geometric mean of both scores in every frame it was found in for certain."""
    words = clip.entity_words or ()
    confidences: dict[int, list[float]] = {}
    for entity in located:
        if words[entity.word_index].kind is EntityKind.SUBJECT and not entity.is_ambiguous:
            value = float(np.sqrt(entity.detection_score * entity.mask_score))
            confidences.setdefault(entity.word_index, []).append(value)
    return confidences


def _ambiguous_subjects(clip: Clip, located: Sequence[LocatedEntity]) -> set[int]:
    """The subject words that fit several places, and were found nowhere for certain."""
    words = clip.entity_words or ()
    found = {entity.word_index for entity in located if entity.is_ambiguous}
    subjects = {index for index in found if words[index].kind is EntityKind.SUBJECT}
    return subjects - _subject_confidences(clip, located).keys()


def _ambiguous(facts: Facts) -> float | None:
    """Where another subject was found for certain, those that were not do no harm."""
    return facts.get("ambiguous_subjects") if facts.get("subject_confidence") == 0 else None


def _confidence(facts: Facts) -> float | None:
    """Without a subject word there was nothing to look for, and an ambiguous one has a rule of its own."""
    if not facts["subject_words"] or _ambiguous(facts):
        return None
    return facts.get("subject_confidence")
