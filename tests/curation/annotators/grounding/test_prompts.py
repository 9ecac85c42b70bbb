"""Words in GroundingDINO's prompts: every one of them whole, and found again by the place of its tokens."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizer

from curation.annotators.grounding.prompts import build_prompts
from tests.curation.annotators.grounding.tiny_networks import MAX_TOKENS
from tests.curation.annotators.grounding.vocabulary import vocabulary

TOKENIZER: Any = BertTokenizer(vocab=vocabulary())
END = {101, 102, 1012, 1029}  # what ends a phrase for the network


def asked(*words: str, max_tokens: int = MAX_TOKENS, max_words: int = 8) -> list[dict[str, list[str]]]:
    """For every prompt: word -> the tokens at its places."""
    prompts = build_prompts(words, TOKENIZER, max_tokens=max_tokens, max_words=max_words)
    return [
        {words[index]: [tokens_of(prompt.text)[place] for place in places] for index, places in prompt.tokens.items()}
        for prompt in prompts
    ]


def tokens_of(text: str) -> list[str]:
    tokens: list[str] = TOKENIZER.convert_ids_to_tokens(TOKENIZER(text)["input_ids"])
    return tokens


def test_the_words_of_a_caption_stand_in_one_prompt_between_dots() -> None:
    prompts = build_prompts(["Old man", "dog"], TOKENIZER, max_tokens=MAX_TOKENS, max_words=8)

    assert [prompt.text for prompt in prompts] == ["old man . dog ."]
    assert prompts[0].tokens == {0: (1, 2), 1: (4,)}


def test_a_word_of_several_pieces_is_found_by_all_of_them() -> None:
    assert asked("skateboarder", "dog") == [{"skateboarder": ["skate", "##board", "##er"], "dog": ["dog"]}]


def test_a_word_inside_another_has_a_place_of_its_own() -> None:
    prompts = build_prompts(["old man", "man", "man in red"], TOKENIZER, max_tokens=MAX_TOKENS, max_words=8)

    assert prompts[0].tokens == {0: (1, 2), 1: (4,), 2: (6, 7, 8)}


@pytest.mark.parametrize("word", ["old. man", "old.man", "old?man", "?old man.", "Old\nMAN"])
def test_a_separator_inside_a_word_does_not_split_it(word: str) -> None:
    assert asked(word, "dog") == [{word: ["old", "man"], "dog": ["dog"]}]


def test_the_name_of_a_special_token_is_an_ordinary_word() -> None:
    assert asked("[SEP] man", "[CLS]") == [
        {"[SEP] man": ["[", "sep", "]", "man"], "[CLS]": ["[", "cls", "]"]},
    ]


def test_accents_and_letters_that_grow_when_lowered_keep_their_place() -> None:
    words = ("dög", "İ", "man")

    assert asked(*words) == [{"dög": ["dog"], "İ": ["i"], "man": ["man"]}]


@pytest.mark.parametrize("word", ["собака", "犬", "🐕", "...", "", "\u200b"])
def test_a_word_without_a_known_token_is_not_asked_for(word: str) -> None:
    assert asked(word, "dog") == [{"dog": ["dog"]}]
    assert asked(word) == []


def test_a_word_longer_than_a_prompt_is_not_asked_for() -> None:
    word = "old " * 75

    assert len(word) == 300
    assert asked("man", word, "dog") == [{"man": ["man"], "dog": ["dog"]}]


def test_a_word_that_just_fits_a_prompt_is_asked_for_whole() -> None:
    word = " ".join(["old"] * (MAX_TOKENS - 3))

    assert asked("man", word, "dog") == [{"man": ["man"]}, {word: ["old"] * (MAX_TOKENS - 3)}, {"dog": ["dog"]}]
    assert asked(word + " man") == []


def test_a_word_spelled_like_an_earlier_one_is_not_asked_for_again() -> None:
    prompts = build_prompts(["dog", "man", "Dog"], TOKENIZER, max_tokens=MAX_TOKENS, max_words=8)

    assert prompts[0].tokens == {0: (1,), 1: (3,)}


def test_a_prompt_holds_no_more_words_than_it_may() -> None:
    in_two = [{"man": ["man"], "dog": ["dog"]}, {"old man": ["old", "man"]}]

    assert asked("man", "dog", "old man", max_words=2) == in_two


@settings(max_examples=200)
@given(st.lists(st.text(st.sampled_from("aAbm no.?[]ÉßİdgЯ犬-'\u2019\u0301"), max_size=40), max_size=12))
def test_no_prompt_is_too_long_and_every_asked_word_stands_in_one_whole(words: list[str]) -> None:
    prompts = build_prompts(words, TOKENIZER, max_tokens=MAX_TOKENS, max_words=3)

    places_of = [set(places) for prompt in prompts for places in prompt.tokens.values()]
    asked_for = [index for prompt in prompts for index in prompt.tokens]
    assert len(set(asked_for)) == len(asked_for) == len(places_of)
    for prompt in prompts:
        numbers = TOKENIZER(prompt.text)["input_ids"]
        assert len(numbers) <= MAX_TOKENS
        assert len(prompt.tokens) <= 3
        separate = [place for place, number in enumerate(numbers) if number in END]
        assert sorted([*separate, *(place for places in prompt.tokens.values() for place in places)]) == list(
            range(len(numbers))
        )
        for index, places in prompt.tokens.items():
            alone = TOKENIZER(words[index].lower(), add_special_tokens=False)["input_ids"]
            assert [numbers[place] for place in places] == [number for number in alone if number not in END]
