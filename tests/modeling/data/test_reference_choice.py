from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, chisquare

from dataset_schema import Bucket, Entity, EntityKind, Payload, Sample
from modeling.data.reference_choice import ReferenceChoice, all_reference_images, select_reference_images
from modeling.data.training_sample import TrainingSample

DRAWS = 2000


@pytest.fixture
def sample(make_sample: Callable[..., Sample], tmp_path: Path) -> Sample:
    """A caption with three entities of three, two and one reference images, and a background."""
    plain = make_sample(0, Bucket(5, 32, 48), tmp_path)
    reference = plain.entities[0].references[0]

    def entity(word: str, kind: EntityKind, images: int) -> Entity:
        start = caption.index(word)
        pictures = tuple(replace(reference, image=Payload(path=f"{word}{number}")) for number in range(images))
        return Entity(word=word, kind=kind, start=start, end=start + len(word), references=pictures)

    caption = "A dog and a cat share a bowl in a kitchen."
    entities = (
        entity("dog", EntityKind.SUBJECT, 3),
        entity("cat", EntityKind.SUBJECT, 2),
        entity("bowl", EntityKind.OBJECT, 1),
        entity("kitchen", EntityKind.BACKGROUND, 0),
    )
    return replace(plain, caption=caption, entities=entities)


def draws(
    sample: Sample,
    *,
    max_images: int = 100,
    select: Callable[..., list[ReferenceChoice]] = select_reference_images,
) -> list[list[tuple[str, str | None]]]:
    """Of many draws: each image's word and file; the background has no file."""
    found = []
    for seed in range(DRAWS):
        images = select(TrainingSample.of(sample), np.random.default_rng(seed), max_images=max_images)
        found.append([(sample.caption[image.start : image.end], image.image.path) for image in images])
    return found


def test_background_comes_with_probability_one_half_bound_to_its_word_and_last(sample: Sample) -> None:
    found = draws(sample)

    with_background = [images for images in found if ("kitchen", None) in images]
    assert binomtest(len(with_background), DRAWS, 0.5).pvalue > 1e-3
    assert all(images.index(("kitchen", None)) == len(images) - 1 for images in with_background)


def test_the_number_of_images_is_that_of_one_to_three_subjects_with_one_to_three_images(sample: Sample) -> None:
    counts = Counter(sum(word != "kitchen" for word, _ in images) for images in draws(sample))

    probabilities = np.zeros(10)
    for subjects in range(1, 4):
        one = np.array([0, 1, 1, 1]) / 3
        total = np.array([1.0])
        for _ in range(subjects):
            total = np.convolve(total, one)
        probabilities[: len(total)] += total / 3
    assert chisquare([counts[n] for n in range(1, 10)], probabilities[1:] * DRAWS).pvalue > 1e-3


def test_subjects_and_objects_are_drawn_alike_and_with_replacement(sample: Sample) -> None:
    found = draws(sample)

    first = Counter(images[0][0] for images in found)
    assert chisquare([first["dog"], first["cat"], first["bowl"]]).pvalue > 1e-3
    assert any(sum(word == "dog" for word, _ in images) > 3 for images in found)


def test_images_of_a_subject_are_drawn_alike_and_with_replacement(sample: Sample) -> None:
    found = draws(sample)

    first = Counter(images[0][1] for images in found if images[0][0] == "dog")
    assert chisquare([first["dog0"], first["dog1"], first["dog2"]]).pvalue > 1e-3
    assert any(images[:2] == [("dog", "dog0"), ("dog", "dog0")] for images in found)


def test_images_beyond_six_are_dropped_but_no_subject_and_no_background_disappears(sample: Sample) -> None:
    every, cut = draws(sample), draws(sample, max_images=6)

    assert max(len(images) for images in every) == 10
    for all_images, kept in zip(every, cut, strict=True):
        assert len(kept) == min(6, len(all_images))
        assert {word for word, _ in kept} == {word for word, _ in all_images}


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_model_that_takes_few_images_gets_fewer_subjects(sample: Sample, most: int) -> None:
    found = draws(sample, max_images=most)

    assert {len(images) for images in found} == set(range(1, most + 1))
    assert any(word == "dog" for images in found for word, _ in images)


def test_the_same_generator_gives_the_same_images(sample: Sample) -> None:
    first, again, other = (
        select_reference_images(TrainingSample.of(sample), np.random.default_rng(seed), max_images=6)
        for seed in (1, 1, 2)
    )

    assert first == again != other


def test_a_clip_without_references_has_at_most_its_background(sample: Sample) -> None:
    bare = replace(sample, entities=())

    found = draws(bare)

    assert {tuple(images) for images in found} == {(), (("", None),)}
    assert {tuple(images) for images in all_draws(bare)} == {(("", None),)}


def all_draws(sample: Sample, *, max_images: int = 100) -> list[list[tuple[str, str | None]]]:
    """The same of `all_reference_images`."""
    return draws(sample, max_images=max_images, select=all_reference_images)


def test_all_images_are_every_image_once_and_those_of_a_word_stand_together(sample: Sample) -> None:
    files = ["bowl0", "cat0", "cat1", "dog0", "dog1", "dog2"]
    every = [*((file[:-1], file) for file in files), ("kitchen", None)]

    found = all_draws(sample)

    for images in found:
        assert sorted(images) == every
        assert images[-1] == ("kitchen", None)
        assert [word for word, _ in groupby(word for word, _ in images)] == list(dict(images))


def test_all_images_come_in_every_order_alike(sample: Sample) -> None:
    found = all_draws(sample)

    words = Counter(tuple(dict(images)) for images in found)
    assert len(words) == 6
    assert chisquare(list(words.values())).pvalue > 1e-3
    dogs = Counter(tuple(file for word, file in images if word == "dog") for images in found)
    assert len(dogs) == 6
    assert chisquare(list(dogs.values())).pvalue > 1e-3


@pytest.mark.parametrize(("most", "words"), [(6, 4), (4, 4), (3, 3), (1, 1)])
def test_all_images_beyond_the_most_are_dropped_but_words_only_where_they_must(
    sample: Sample, most: int, words: int
) -> None:
    found = all_draws(sample, max_images=most)

    kept = Counter(image for images in found for image in images)
    assert all(len(images) == most and len(dict(images)) == words for images in found)
    assert kept[("kitchen", None)] == DRAWS
    assert len(kept) == (7 if most > 1 else 1)
