"""The rule-based extractor and the rules after it, on captions written for this test with a reader's answers."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.annotators.lexicon.extractor import LexiconEntityWords
from curation.entity_words import CheckedAnswer, check_answer

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
        ("A reporter talks on live television.", [], []),
        ("A reporter points at a television.", ["television"], []),
        ("A cook grinds pepper in a coffee grinder.", ["pepper", "coffee grinder"], []),
        ("A singer travels around the world.", [], []),
        ("A diver explores a frozen world.", [], ["frozen world"]),
        ("A mechanic explains the ins and outs of an engine.", ["engine"], []),
        ("A boy in his bedroom plays Minecraft on a laptop.", ["laptop"], ["bedroom"]),
    ],
)
def test_finds_objects_and_backgrounds(caption: str, objects: list[str], backgrounds: list[str]) -> None:
    checked = extract(caption)

    assert words(checked, "object") == objects
    assert words(checked, "background") == backgrounds


def test_answers_with_kinds_and_places_one_answer_per_caption() -> None:
    captions = ["A dog barks.", "", "Two men and a red car on a road."]

    answers = LexiconEntityWords().extract(captions)

    assert [[(word.word, word.kind.value, word.start) for word in answer] for answer in answers] == [
        [("dog", "subject", 2)],
        [],
        [("men", "subject", 4), ("red car", "object", 14), ("road", "background", 27)],
    ]


@pytest.mark.parametrize(
    ("caption", "word", "start"),
    [
        ("A man talks about a glove as he puts the glove on a table.", "glove", 41),
        ("A player in a basketball game dunks the basketball.", "basketball", 40),
        ("A woman without a hat looks at a hat.", "hat", 33),
    ],
)
def test_a_word_stands_where_it_is_meant_and_not_where_it_is_only_spoken_of(
    caption: str, word: str, start: int
) -> None:
    assert [found.start for found in extract(caption).words if found.word == word] == [start]


def test_several_of_one_name_are_words_of_their_own_where_their_places_tell_them_apart() -> None:
    caption = "A cat chases a cat past a table and a table."
    (answer,) = LexiconEntityWords().extract([caption])

    apart, alike = (check_answer(caption, answer, tells_places_apart=tells) for tells in (True, False))

    assert [(word.word, word.start) for word in apart.words] == [("cat", 2), ("cat", 15), ("table", 26)]
    assert apart.violations == ()
    assert [(word.word, word.start) for word in alike.words] == [("cat", 2), ("table", 26)]
    assert [violation.rule.value for violation in alike.violations] == ["same_head_word"]


@pytest.mark.parametrize(("tells", "rules"), [(True, []), (False, ["same_head_word"])])
def test_the_one_on_the_left_and_the_one_on_the_right_are_two(tells: bool, rules: list[str]) -> None:
    caption = "The nun on the left waves to the nun on the right. The nun on the left smiles."
    (answer,) = LexiconEntityWords().extract([caption])

    checked = check_answer(caption, answer, tells_looks_apart=tells)

    assert [(word.word, word.start) for word in checked.words] == [("nun", 4), ("nun", 33)]
    assert [violation.rule.value for violation in checked.violations] == rules


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


def check_odd_text(caption: str) -> None:
    checked = extract(caption)

    assert all(caption[word.start : word.end] == word.word for word in checked.words)
    assert "unparsable_answer" not in {violation.rule for violation in checked.violations}
    assert "word_not_in_caption" not in {violation.rule for violation in checked.violations}
    assert checked.violations or any(word.kind == "subject" for word in checked.words)


@given(st.text(max_size=80))
def test_no_text_whatever_breaks_the_extractor(caption: str) -> None:
    check_odd_text(caption)


ODD_CHARACTERS = (
    "\u0000\u0007\u001b\u007f\u0085\u200b\u200d\u200e\u202b\u202e\u2066\ufeff\ufffd\ud800"  # control, direction
    "\u0301\u0334\u0489\u20dd\u0e33\u0130\u017f\u0149\u00df\ufb01\u00bd\u2460\uff44"  # marks, ligatures
    "\u05d3\u0627\u0939\u0f40\u4e2d\u3042\uac00\u0441\u0391"  # scripts
    "\U0001f436\U0001f3fd\U0001f1e9\U0001f1ea\U000e0067"  # emoji, skin, flags, tags
)
"""Characters that have broken programs that read text."""


@given(st.lists(st.sampled_from([*ODD_CHARACTERS, *VOCABULARY, " ", "  "]), max_size=20).map("".join))
def test_odd_characters_inside_and_around_words_break_nothing(caption: str) -> None:
    check_odd_text(caption)


@pytest.mark.parametrize(
    "caption",
    [
        "\u0427\u0435\u043b\u043e\u0432\u0435\u043a \u0438\u0434\u0451\u0442 \u043f\u043e.",
        "\u4e00\u53ea\u72d7\u5728\u8349\u5730\u4e0a\u5954\u8dd1\u3002",
        "\u0643\u0644\u0628 \u064a\u0631\u0643\u0636 \u0641\u064a \u0627\u0644\u062d\u062f\u064a\u0642\u0629",
        "\U0001f436\U0001f3c3\U0001f333",
        "d" * 300,
        "\u202e" * 300,
        "e\u0301" * 300,
        "\x00\x01\x02",
    ],
)
def test_a_caption_that_it_cannot_read_is_rejected_for_want_of_a_subject(caption: str) -> None:
    checked = extract(caption)

    assert [violation.rule.value for violation in checked.violations] == ["no_subject_word"]


def test_a_word_of_300_characters_does_not_hide_its_neighbours() -> None:
    checked = extract(f"A dog chases a {'zorb' * 75} across a meadow.")

    assert words(checked, "subject") == ["dog"]
    assert words(checked, "background") == ["meadow"]
