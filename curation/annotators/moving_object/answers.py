"""What motion answers about the subject words of a clip: all or none, and whether it might be something else."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from curation.annotators.moving_object.foreground import Foreground
from curation.annotators.moving_object.regions import FrameEvidence
from curation.annotators.moving_object.things import find_subjects
from curation.entity_words.phrases import names_person
from curation.records import EntityWord, LocatedEntity, Mask, ReferenceFrame

# Our choice: of more things that move two mostly touch, and nobody knows how many of the regions are one.
_MOST_SUBJECTS: Final = 3

# Something else that is this much as salient in most frames might as well be what the word means. Our choice: a fifth
# less is no clear difference; of 30 generated clips in which one sprite moves none has such a rival.
_RIVALS: Final = 0.8

# With several words less is enough, since a thing too many shifts the order. Our choice: half; of 24 generated clips in
# which two sprites move none has a rival above 0.2, and a third sprite of their size comes to 0.8.
_RIVALS_OF_SEVERAL: Final = 0.5


class Terms(NamedTuple):
    """When motion answers.

    Attributes:
        min_confidence: below which a frame is left unanswered.
        by_order: the caption names its subjects from left to right; otherwise nothing is said of several.
    """

    min_confidence: float
    by_order: bool


def locate_moving(
    frames: Sequence[ReferenceFrame],
    evidence: Mapping[int, FrameEvidence],
    subjects: Mapping[int, EntityWord],
    network: Foreground,
    terms: Terms,
    *,
    claimed: Mapping[int, Mask] = MappingProxyType({}),
) -> list[LocatedEntity]:
    """Masks of the subjects, where they move clearly enough; ambiguous beside a rival.

    Args:
        frames: of the clip.
        evidence: of every frame whose camera can be followed, by its index.
        subjects: the words, by their index among those of the clip.
        network: loaded.
        terms: on which it answers.
        claimed: by frame index, what is something else for certain.
    """
    if not 1 <= len(subjects) <= (_MOST_SUBJECTS if terms.by_order else 1):
        return []
    indices = sorted(subjects, key=lambda index: subjects[index].start)
    people = [names_person(subjects[index].word) for index in indices]
    found = find_subjects(frames, evidence, people, network, claimed=claimed)
    # What is found alone may be two things that touch there, and a thing that was missed would stay in the
    # background. So all of them count or none.
    certain = [
        index
        for index in range(len(frames))
        if found and all(index in of_word and of_word[index].confidence >= terms.min_confidence for of_word in found)
    ]
    if not certain:
        return []
    rivals = _RIVALS if len(indices) == 1 else _RIVALS_OF_SEVERAL
    is_ambiguous = any(np.median([of_word[index].rivalry for index in certain]) >= rivals for of_word in found)
    return [
        LocatedEntity(
            word_index=subject,
            reference_index=index,
            mask=of_word[index].enlarged(frames[index].image),
            detection_score=of_word[index].detection_score,
            mask_score=of_word[index].mask_score,
            is_ambiguous=is_ambiguous,
        )
        for subject, of_word in zip(indices, found, strict=True)
        for index in certain
    ]
