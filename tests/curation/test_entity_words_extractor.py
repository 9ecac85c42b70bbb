"""The rule-based extractor and the rules after it, on captions written for this test with a reader's answers."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.annotators.lexicon import LexiconEntityWords
from curation.entity_words import CheckedAnswer, check_answer
from curation.entity_words.parse import parse_answer

CAPTIONS = Path(__file__).parent / "data" / "entity_captions.csv"


def read_captions() -> list[dict[str, str]]:
    with CAPTIONS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def extract(caption: str) -> CheckedAnswer:
    return check_answer(caption, LexiconEntityWords().extract([caption])[0])


def words(checked: CheckedAnswer, kind: str) -> list[str]:
    return [word.word for word in checked.words if word.kind == kind]


def test_the_table_of_captions_is_large_enough_to_mean_something() -> None:
    assert len(read_captions()) >= 150


@pytest.mark.parametrize("row", read_captions(), ids=lambda row: row["caption"][:60])
def test_finds_the_subjects_of_a_caption_and_the_rules_it_breaks(row: dict[str, str]) -> None:
    checked = extract(row["caption"])

    assert "|".join(words(checked, "subject")) == row["subjects"]
    assert "|".join(violation.rule.value for violation in checked.violations) == row["rules"]


@pytest.mark.parametrize(
    ("caption", "objects", "backgrounds"),
    [
        (  # Figure 7's own example; the paper also leaves out "small", which we count as description
            "A woman in a mask and coat, with long brown hair, shows a small green-capped bottle to the camera.",
            ["mask", "coat", "long brown hair", "small green-capped bottle"],
            [],
        ),
        ("A dog drinks from a blue bowl in a tiled kitchen.", ["blue bowl"], ["tiled kitchen"]),
        ("A man walks under a cloudy sky and a white cloud.", [], ["cloudy sky", "white cloud"]),
        ("A girl eats a slice of pizza and drinks a cup of tea.", ["slice of pizza", "cup of tea"], []),
        ("A boy in white, red and blue socks runs.", ["white, red and blue socks"], []),
        ("A woman leads a horse through a cloudy, forested area.", [], ["cloudy, forested area"]),
        ("An astronaut stands on the surface of the moon.", [], ["surface of the moon"]),
        ("A boy throws stones into a lake among trees.", [], ["stones", "lake", "trees"]),
        ("A boy throws a stone at a tree.", ["stone", "tree"], []),
        ("A girl with blue eyes and a scar on her cheek reads a book.", ["scar", "book"], []),
        ("A man puts glasses and two plates on a shelf.", ["glasses", "plates", "shelf"], []),
        ("A woman turns the steering wheel of a sports car.", ["steering wheel", "sports car"], []),
        ("A climber in a red helmet hangs on a climbing wall.", ["red helmet"], ["climbing wall"]),
        ("A man plays football with a football.", ["football"], []),
        ("A singer stands in front of a large crowd.", [], ["large crowd"]),
    ],
)
def test_finds_objects_and_backgrounds(caption: str, objects: list[str], backgrounds: list[str]) -> None:
    checked = extract(caption)

    assert words(checked, "object") == objects
    assert words(checked, "background") == backgrounds


def test_answers_in_the_format_of_figure_7_one_answer_per_caption() -> None:
    captions = ["A dog barks.", "", "Two men and a red car on a road."]

    answers = LexiconEntityWords().extract(captions)

    assert [parse_answer(answer).subject for answer in answers] == [("dog",), (), ("men",)]
    assert parse_answer(answers[2]).object == ("red car",)
    assert parse_answer(answers[2]).background == ("road",)


def test_the_extractor_is_named_by_its_word_lists() -> None:
    description = LexiconEntityWords().describe()

    assert description.job == "entity_words"
    assert description.weights_sha256 is not None
    assert len(description.weights_sha256) == 64


PLAIN_WORDS = (
    "a the two man women dog dogs sheep red big cat's and , . of in with hat walks eating road sky group about it is "
    "glasses T-shirt x1 -- ' camera another fish piece that"
)
VOCABULARY = (
    *PLAIN_WORDS.split(),
    "woman\u2019s",
    "\u201cfox\u201d",
    "\ufb01sh",
    "caf\u00e9",
    "cafe\u0301",
    "\U0001f436",
)


@given(st.lists(st.sampled_from(VOCABULARY), max_size=14).map(" ".join))
def test_any_words_stand_in_the_caption_at_their_span_on_word_boundaries(caption: str) -> None:
    checked = extract(caption)

    for word in checked.words:
        assert caption[word.start : word.end] == word.word
        around = caption[max(0, word.start - 1) : word.start], caption[word.end : word.end + 1]
        assert not any(character.isalnum() for character in around)
    assert extract(caption) == checked


@given(st.text(max_size=80))
def test_no_text_whatever_breaks_the_extractor(caption: str) -> None:
    checked = extract(caption)

    assert all(caption[word.start : word.end] == word.word for word in checked.words)
    assert "unparsable_answer" not in {violation.rule for violation in checked.violations}
    assert "word_not_in_caption" not in {violation.rule for violation in checked.violations}
