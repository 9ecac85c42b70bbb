"""Which characters of a prompt a reference word means."""

import unicodedata

import pytest

from modeling.data.prompt_words import span_in_prompt


def found(word: str, prompt: str) -> str:
    start, end = span_in_prompt(word, prompt)
    return prompt[start:end]


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    decomposed = unicodedata.normalize("NFD", "pi\u00f1ata")

    assert found("pi\u00f1ata", f"A {decomposed} hangs.") == decomposed
    assert found(decomposed, "A pi\u00f1ata hangs.") == "pi\u00f1ata"


@pytest.mark.parametrize(
    ("word", "prompt", "expected"),
    [
        ("dog", "Dog and cat.", "Dog"),
        ("Dog", "A dog.", "dog"),
        ("dog", "A dog\u2014a corgi\u2014runs.", "dog"),
        ("cat", "a black_cat, (cat:1.2)", "cat"),
        ("\u732b", "\u4e00\u53ea\u732b\u5728\u8dd1", "\u732b"),
        ("red car", "A red\ncar.", "red\ncar"),
        ("<sks> dog", "A photo of <sks> dog.", "<sks> dog"),
    ],
)
def test_finds_a_word_in_the_form_that_the_prompt_has(word: str, prompt: str, expected: str) -> None:
    assert found(word, prompt) == expected


def test_the_word_exactly_as_given_goes_before_other_forms_of_it() -> None:
    prompt = "Rose holds a rose and a rose."

    assert span_in_prompt("rose", prompt) == (13, 17)
    assert span_in_prompt("rose#2", prompt) == (24, 28)
    assert span_in_prompt("Rose", prompt) == (0, 4)
    assert span_in_prompt("ROSE#3", prompt) == (24, 28)


@pytest.mark.parametrize(
    ("word", "prompt", "similar"),
    [
        ("man", "A woman walks on the beach.", "'woman'"),
        ("dog", "Two dogs run to a dog-house with dogs.", "'dogs', 'dog-house'"),
        ("dogs", "A dog runs.", "'dog'"),
        ("cafe", "A caf\u00e9.", "'caf\u00e9'"),
        ("caffe", "A cafe\u0301.", "'cafe\u0301'"),
        ("cat", "A pet #cat.", "'#cat'"),
        ("dog#2", "Two dogs run.", "'dogs'"),
    ],
)
def test_an_error_names_what_the_prompt_has_instead(word: str, prompt: str, similar: str) -> None:
    with pytest.raises(ValueError, match=f", which has {similar}; copy the word from the prompt"):
        span_in_prompt(word, prompt)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("ball#2", "'ball#2' is only once in the prompt"),
        ("cat#3", "'cat#3' is only 2 times in the prompt"),
        ("elk#2", "'elk#2' is not in the prompt"),
        ("cat#0", "'cat#0' is not in the prompt"),
        ("#1", "'#1' is not in the prompt"),
        ("", "'' is not in the prompt"),
    ],
)
def test_a_word_that_the_prompt_has_less_often_is_refused(word: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        span_in_prompt(word, "A cat and a cat with a ball.")


def test_a_number_says_which_of_several_equal_words_is_meant() -> None:
    prompt = "A cat chases a cat and a catfish."

    assert [span_in_prompt(word, prompt) for word in ("cat", "cat#1", "cat#2")] == [(2, 5), (2, 5), (15, 18)]
    assert span_in_prompt("take#2", "On take#2 they take a take.") == (3, 9)  # the prompt's own word
    assert span_in_prompt("take", "On take#2 they take a take.") == (3, 7)
