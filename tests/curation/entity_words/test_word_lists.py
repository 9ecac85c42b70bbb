"""The word lists themselves."""

from itertools import combinations

import pytest

from curation.entity_words.number import is_plural_form, singular_of
from curation.entity_words.word_lists import NounClass, find_compound, find_noun, fingerprint, sections


def test_no_noun_is_in_two_classes() -> None:
    for first, second in combinations(NounClass, 2):
        assert sections()[first] & sections()[second] == set(), f"{first} and {second}"
    for noun_class in NounClass:
        assert sections()["worn"] & sections()[noun_class] == set(), f"worn and {noun_class}"


def test_entries_are_lower_case_words_that_the_look_up_can_meet() -> None:
    for section, words in sections().items():
        for word in words:
            assert word == word.lower().strip(), f"{section}: {word!r}"
            assert word.count(" ") <= 2, f"{section}: {word!r} has more words than the look-up joins"


@pytest.mark.parametrize(
    ("word", "singular", "noun_class"),
    [
        ("women", "woman", NounClass.PERSON),
        ("policemen", "policeman", NounClass.PERSON),
        ("puppies", "puppy", NounClass.ANIMAL),
        ("wolves", "wolf", NounClass.ANIMAL),
        ("mice", "mouse", NounClass.ANIMAL),
        ("knives", "knife", NounClass.THING),
        ("dresses", "dress", NounClass.THING),
        ("boxes", "box", NounClass.THING),
        ("walruses", "walrus", NounClass.ANIMAL),
        ("ibises", "ibis", NounClass.ANIMAL),
        ("tomatoes", "tomato", NounClass.THING),
        ("glasses", "glasses", NounClass.THING),
        ("teddy bears", "teddy bear", NounClass.THING),
        ("rolling pins", "rolling pin", NounClass.THING),
        ("beaches", "beach", NounClass.PLACE),
        ("cities", "city", NounClass.PLACE),
        ("feet", "foot", NounClass.BODY),
        ("co-workers", "co-worker", NounClass.PERSON),
        ("half-brother", "brother", NounClass.PERSON),
    ],
)
def test_finds_a_noun_by_any_form(word: str, singular: str, noun_class: NounClass) -> None:
    noun = find_noun(word)

    assert noun is not None
    assert (noun.singular, noun.noun_class) == (singular, noun_class)


def test_two_words_are_one_noun_only_if_listed_as_one() -> None:
    assert find_compound("teddy", "bears") == find_noun("teddy bear")
    assert find_compound("brown", "bear") is None
    assert find_compound("teddy", "boys") is None
    assert find_compound("", "bear") is None


def test_does_not_know_what_is_no_noun() -> None:
    assert find_noun("zorblax") is None
    assert find_noun("quickly") is None
    assert find_noun("") is None


@pytest.mark.parametrize(
    "word",
    [
        "dogs",
        "cats",
        "boxes",
        "women",
        "men",
        "people",
        "children",
        "feet",
        "geese",
        "wolves",
        "ladies",
        "heroes",
        "buses",
        "princesses",
        "glimps",
        "kids",
        "shoes",
        "mens",
        "childrens",
    ],
)
def test_sees_a_plural_form(word: str) -> None:
    assert is_plural_form(word)
    assert not is_plural_form(singular_of(word))


@pytest.mark.parametrize(
    "word",
    [
        "dog",
        "bus",
        "dress",
        "grass",
        "lens",
        "canvas",
        "walrus",
        "cactus",
        "actress",
        "tennis",
        "chess",
        "glimpus",
        "boss",
        "moose",
        "gas",
        "iris",
        "news",
    ],
)
def test_sees_a_singular_form(word: str) -> None:
    assert not is_plural_form(word)
    assert singular_of(word) == word


@pytest.mark.parametrize(("word", "singular"), [("mans", "man"), ("womans", "woman"), ("childs", "child")])
def test_takes_a_possessive_without_its_apostrophe_for_no_plural(word: str, singular: str) -> None:
    assert not is_plural_form(word)
    assert singular_of(word) == singular


def test_the_fingerprint_names_the_content() -> None:
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 64
