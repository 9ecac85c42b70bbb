"""Words of annotations in captions that a reader can check."""

import pytest

from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.imports.words import best_caption, find_words, is_place
from dataset_schema import EntityKind

SUBJECT, OBJECT, BACKGROUND = EntityKind.SUBJECT, EntityKind.OBJECT, EntityKind.BACKGROUND
CAPTION = "A woman in a red coat walks her Dog along the beach, and her hand holds a leash."


def test_a_word_has_the_place_at_which_the_caption_reads_it() -> None:
    words = {"woman": SUBJECT, "dog": SUBJECT, "red coat": OBJECT, "beach": BACKGROUND}

    found = find_words(CAPTION, words, where="clip", unmapped=UnmappedCounts())

    assert {name: CAPTION[word.start : word.end] for name, word in found.items()} == {
        "woman": "woman",
        "dog": "Dog",
        "red coat": "red coat",
        "beach": "beach",
    }
    assert [word.kind for word in found.values()] == list(words.values())


def test_what_the_caption_does_not_say_is_counted_by_its_reason() -> None:
    unmapped = UnmappedCounts()
    words = {"person": SUBJECT, "man": SUBJECT, "coat": OBJECT, "red coat": OBJECT, "hand": OBJECT, "woman": SUBJECT}

    found = find_words(CAPTION, words, where="clip-7", unmapped=unmapped)

    assert set(found) == {"red coat", "woman"}
    assert unmapped.counts == {  # "man" is only a part of "woman", and a hand is a part of somebody (A.2)
        Unmapped.WORD_NOT_IN_CAPTION: 2,
        Unmapped.WORD_IN_LONGER_WORD: 1,
        Unmapped.NO_ENTITY: 1,
    }
    assert unmapped.examples[Unmapped.WORD_NOT_IN_CAPTION] == "clip-7: 'person'"


def test_a_word_of_unknown_kind_gets_the_kind_of_its_noun() -> None:
    words = {"woman in a red coat": OBJECT, "leash": OBJECT, "beach": OBJECT}

    found = find_words(CAPTION, words, where="clip", unmapped=UnmappedCounts())

    assert [word.kind for word in found.values()] == [SUBJECT, OBJECT, BACKGROUND]


def test_the_caption_that_has_most_of_the_words_is_taken() -> None:
    captions = ("A dog.", "A dog and a cat.", "A cat and a dog.")

    assert best_caption(captions, {"dog": SUBJECT, "cat": SUBJECT}) == captions[1]


@pytest.mark.parametrize(
    ("word", "kind", "expected"),
    [("park", OBJECT, True), ("person", BACKGROUND, False), ("zorb", BACKGROUND, True), ("human head", OBJECT, False)],
)
def test_a_word_by_itself_names_a_place_or_not(word: str, kind: EntityKind, expected: bool) -> None:
    assert is_place(word, kind) is expected
