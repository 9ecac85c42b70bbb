"""Which classes of a detector a word means."""

import pytest

from curation.entity_words.object_classes import ObjectClasses, object_classes


@pytest.mark.parametrize(
    ("word", "exact"),
    [
        ("A woman in a red dress", ("person",)),
        ("3 year old", ("person",)),
        ("John Zorb", ("person",)),
        ("golden retriever", ("dog",)),
        ("blue mugs", ("cup",)),
        ("hot dog", ("hot dog",)),
        ("slice of pizza", ("pizza",)),
        ("cup of coffee", ("cup",)),
        ("pair of scissors", ("scissors",)),
        ("smartphone", ("cell phone",)),
    ],
)
def test_a_word_means_the_class_of_its_head_noun(word: str, exact: tuple[str, ...]) -> None:
    assert object_classes(word) == ObjectClasses(exact=exact)


@pytest.mark.parametrize("word", ["silver kettle", "Hindu deity", "statue of a man", "rocking horse", "glasses", ""])
def test_a_word_that_no_class_knows_has_none(word: str) -> None:
    classes = object_classes(word)

    assert (classes.exact, classes.near) == ((), ())
