"""Where a word stands in a text, and what counts as the same word."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_schema.words import FoldedText, fold


def find(word: str, text: str) -> list[str]:
    return [text[start:end] for start, end in FoldedText(text).find_word(word)]


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("man", "A woman walks."),
        ("cat", "A category of catalogs."),
        ("dog", "Two dogs run."),
        ("man", "A man-made lake."),
        ("man", "A snow\u2010man\u2010like shape."),
        ("cafe", "A caf\u00e9."),
        ("cafe", "A cafe\u0301."),
        ("cafe\u0301", "A cafe."),
        ("dog", "A dog2 runs."),
        ("cat", "Cute #cat of @cat_lover"),
        ("dog", "See https://example.org/dog.mp4 and dog.jpg at dog.com or dog@mail.org"),
        ("b", "A <b>bold</b> word"),
        ("amp", "Salt &amp; pepper &amp;amp; oil"),
        ("\uac1c", "\uac1c\uad6c\ub9ac\uac00 \ub6f4\ub2e4"),  # Korean: "dog" is no part of "frog"
        ("\u0915\u0941\u0924", "\u090f\u0915 \u0915\u0941\u0924\u094d\u0924\u093e"),  # Hindi: marks continue a word
        ("", "A dog."),
        ("  ", "A  dog."),
    ],
)
def test_a_part_of_a_word_is_no_place_of_it(word: str, text: str) -> None:
    assert find(word, text) == []


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("dog", "A dog\u2014a corgi\u2014runs.", "dog"),
        ("corgi", "A dog\u2014a corgi\u2014runs.", "corgi"),
        ("dog", "A dog\u2013wearing a hat", "dog"),
        ("labrador", "A dog--a labrador--runs.", "labrador"),
        ("dog", "A dog&mdash;a corgi", "dog"),
        ("woman", "A man/woman walks.", "woman"),
        ("dog", "It ends.A dog(a corgi)runs", "dog"),
        ("dog", "Wait\u2026dog\u2026", "dog"),
        ("dog", "\u201cdog\u201d", "dog"),
        ("man", "The man\u2019s hat", "man"),
        ("man's hat", "The man&#39;s hat", "man&#39;s hat"),
        ("red car", "A red&nbsp; car", "red&nbsp; car"),
        ("rock & roll", "A rock &amp;amp; roll band", "rock &amp;amp; roll"),
        ("cat", "a black_cat", "cat"),
        ("dog", "DOG", "DOG"),
        ("\u0130nek", "Bir inek", "inek"),
        ("k\u0131z", "KIZ", "KIZ"),
        ("strasse", "Die Stra\u00dfe", "Stra\u00dfe"),
        ("dog", "A \uff44\uff4f\uff47", "\uff44\uff4f\uff47"),
        ("dog", "A d\u200do\u00adg\u200d runs", "d\u200do\u00adg"),
        ("dog", "A\u200bdog\u200bruns", "dog"),
        ("can", "A can\u2122", "can"),
        ("black-and-white cat", "A black\u2013and\u2013white cat", "black\u2013and\u2013white cat"),
        ("\u732b", "\u4e00\u53ea\u732b\u5728\u8dd1", "\u732b"),
        ("\u0e41\u0e21\u0e27", "\u0e41\u0e21\u0e27\u0e27\u0e34\u0e48\u0e07", "\u0e41\u0e21\u0e27"),
        ("\uac1c", decomposed("\uac1c\uac00 \ub6f4\ub2e4"), decomposed("\uac1c")),
        ("pi\u00f1ata", decomposed("A pi\u00f1ata."), decomposed("pi\u00f1ata")),
        (decomposed("Hi\u1ebfu"), "Hi\u1ebfu c\u01b0\u1eddi", "Hi\u1ebfu"),
        ("woman", "\U0001f469\u200d\U0001f373woman\U0001f525", "woman"),
        ("#cat", "My #cat", "#cat"),
    ],
)
def test_finds_a_word_in_whatever_form_it_is_written(word: str, text: str, found: str) -> None:
    assert find(word, text) == [found]


def test_finds_every_place_in_order() -> None:
    assert FoldedText("A cat, a Cat and a bobcat.").find_word("cat") == [(2, 5), (9, 12)]


def test_names_the_longer_words_that_a_word_is_a_part_of() -> None:
    text = "A womanly man-made #mane."

    around = FoldedText(text).words_around("man")

    assert [text[start:end] for start, end in around] == ["womanly", "man-made", "#mane"]


@given(st.text(max_size=30), st.text(min_size=1, max_size=8))
def test_what_is_found_reads_like_what_was_looked_for(text: str, word: str) -> None:
    for start, end in FoldedText(text).find_word(word):
        assert 0 <= start < end <= len(text)
        assert fold(text[start:end]).strip().replace("\u2014", "-") == fold(word).strip().replace("\u2014", "-")


@given(st.lists(st.sampled_from(["caf\u00e9", "\u00f1andu", "dog", "&amp;", "\u2014", "\u1ebfu"]), min_size=1))
def test_composed_and_decomposed_texts_have_the_same_words(words: list[str]) -> None:
    composed = " ".join(words)

    assert fold(decomposed(composed)) == fold(composed)
    assert [find(word, decomposed(composed)) for word in words] == [
        [decomposed(found) for found in find(word, composed)] for word in words
    ]


@given(st.text(alphabet=" &;#amp<b>/w.co@\u200b\u0301\u2014-'A\u00df\u0130", max_size=40))
def test_every_folded_character_comes_from_a_place_of_its_own_text(text: str) -> None:
    folded = FoldedText(text)

    for at in range(len(folded.text)):
        start, end = folded.span(at, at + 1)
        assert 0 <= start < end <= len(text)
