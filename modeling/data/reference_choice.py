"""Which reference images condition the model on a clip during training (A.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dataset_schema import EntityKind, Payload
from modeling.data.training_sample import PicturedEntity, TrainingSample

_MOST_SUBJECTS = 3
_MOST_IMAGES_PER_SUBJECT = 3
_BACKGROUND_PROBABILITY = 0.5

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceChoice:
    """One reference image of a clip.

    Attributes:
        start, end: the entity word's characters in the caption; equal for an image without a word.
        is_background: it shows the place, not a segmented entity.
    """

    start: int
    end: int
    image: Payload
    is_background: bool = False


def select_reference_images(
    sample: TrainingSample, generator: np.random.Generator, *, max_images: int
) -> list[ReferenceChoice]:
    """Draw the reference images of one clip, subjects first, the background last (A.3, five steps).

    1. one to three subjects, 2. each drawn with replacement among the entities that have references, so that one
    entity may count twice; 3. one to three images for each, 4. drawn with replacement among its references, faces
    and whole bodies alike; 5. with probability one half, the background.

    Our choice: the five steps give up to ten images, but the model takes six (Table 5). Images beyond that are dropped
    at random, except that every drawn subject and the background keep at least one; a model that takes fewer than four
    gets fewer subjects.
    """
    entities = [entity for entity in sample.entities if entity.images]
    chosen: list[list[ReferenceChoice]] = []
    if entities:
        count = generator.integers(1, _MOST_SUBJECTS + 1)
        picks = generator.integers(len(entities), size=count)[: max(1, max_images - 1)]
        chosen.extend(_some_images_of(entities[pick], generator) for pick in picks)
    background = _background_images(sample)
    if background and generator.random() < _BACKGROUND_PROBABILITY and len(chosen) < max_images:
        chosen.append(background)
    return _cut(chosen, generator, max_images=max_images)


def all_reference_images(sample: TrainingSample, generator: np.random.Generator, *, max_images: int) -> list[ReferenceChoice]:
    """Every reference image of one clip, each once, the background last: training without the counts of A.3.

    The number of images then tells how large a subject is and how it moves, a short cut that the model learns (3.3).
    Our choice: entities, and the images of each, come in random order, as they do when they are drawn, so that only the
    numbers differ; in the caption's order a place would name its entity. Images beyond `max_images` are dropped as
    there; where there are more entities than that, some are left out.
    """
    entities = _shuffled([entity for entity in sample.entities if entity.images], generator)
    background = _background_images(sample)
    chosen = [_all_images_of(entity, generator) for entity in entities[: max_images - len(background)]]
    return _cut([*chosen, background], generator, max_images=max_images)


def background_span(sample: TrainingSample) -> tuple[int, int]:
    """The characters of the first background word, to which the background image is bound; (0, 0) without one."""
    words = [entity for entity in sample.entities if entity.kind is EntityKind.BACKGROUND]
    return (words[0].start, words[0].end) if words else (0, 0)


def _some_images_of(entity: PicturedEntity, generator: np.random.Generator) -> list[ReferenceChoice]:
    count = generator.integers(1, _MOST_IMAGES_PER_SUBJECT + 1)
    images = _images_of(entity)
    return [images[pick] for pick in generator.integers(len(images), size=count)]


def _all_images_of(entity: PicturedEntity, generator: np.random.Generator) -> list[ReferenceChoice]:
    return _shuffled(_images_of(entity), generator)


def _images_of(entity: PicturedEntity) -> list[ReferenceChoice]:
    return [ReferenceChoice(start=entity.start, end=entity.end, image=image) for image in entity.images]


def _background_images(sample: TrainingSample) -> list[ReferenceChoice]:
    """The image of the place, if the clip has one."""
    if sample.background is None:
        return []
    start, end = background_span(sample)
    return [ReferenceChoice(start=start, end=end, image=sample.background, is_background=True)]


def _shuffled(items: Sequence[Item], generator: np.random.Generator) -> list[Item]:
    return [items[place] for place in generator.permutation(len(items))]


def _cut(
    chosen: list[list[ReferenceChoice]], generator: np.random.Generator, *, max_images: int
) -> list[ReferenceChoice]:
    images = [image for group in chosen for image in group]
    spare = [place for place, is_first in enumerate(_firsts(chosen)) if not is_first]
    excess = max(0, len(images) - max_images)
    dropped = set(generator.choice(spare, size=excess, replace=False).tolist()) if excess else set()
    return [image for place, image in enumerate(images) if place not in dropped]


def _firsts(chosen: list[list[ReferenceChoice]]) -> list[bool]:
    return [place == 0 for group in chosen for place in range(len(group))]
