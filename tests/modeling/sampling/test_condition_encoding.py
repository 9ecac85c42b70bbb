import pytest
import torch
from PIL import Image

from modeling.data.reference_images import ReferenceImage
from modeling.encoders import TextTokens
from modeling.model.conditions import Conditions
from modeling.sampling.condition_encoding import encode_conditions, word_tokens
from modeling.training.presets import tiny

ENCODERS = tiny().pipeline.encoders.build()
CAPTION = "A man with short gray hair waits."


def caption_tokens() -> TextTokens:
    return ENCODERS.text.encode([CAPTION])[0]


def image_of(word: str, color: str = "red") -> ReferenceImage:
    start = CAPTION.index(word)
    return ReferenceImage(start=start, end=start + len(word), image=Image.new("RGB", (20, 20), color))


def encode(captions: list[str], images: list[list[ReferenceImage]]) -> Conditions:
    return encode_conditions(captions, images, encoders=ENCODERS, words_per_image=3, device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("word", "expected"),
    [("man", [1]), ("short gray hair", [3, 4, 5]), ("with short gray hair", [2, 3, 4]), ("gra", [4])],
)
def test_an_entity_word_is_bound_to_its_own_tokens_of_the_caption_cut_or_padded(word: str, expected: list[int]) -> None:
    tokens, start = caption_tokens(), CAPTION.index(word)

    found = word_tokens(tokens, start, start + len(word), count=3)

    assert torch.equal(found[: len(expected)], tokens.embeddings[expected])
    assert not found[len(expected) :].any()


def test_an_image_without_a_word_is_bound_to_zeros() -> None:
    assert not word_tokens(caption_tokens(), 0, 0, count=3).any()


def test_texts_and_images_are_padded_to_the_longest_of_the_batch() -> None:
    conditions = encode(["A dog.", CAPTION], [[], [image_of("man"), image_of("hair")]])

    assert conditions.is_text.sum(dim=1).tolist() == [3, 8]
    assert conditions.references is not None
    assert conditions.references.is_present.tolist() == [[False, False], [True, True]]
    assert not conditions.references.image_tokens[0].any()


def test_texts_of_several_clips_are_as_long_as_aligned_masks_and_that_of_one_clip_has_no_padding() -> None:
    several = encode(["A dog.", CAPTION], [[], [image_of("man")]])
    alone = encode([CAPTION], [[image_of("man")]])

    assert (several.text.shape[1], alone.text.shape[1]) == (16, 8)
    assert several.is_padded
    assert several.references is not None
    assert several.references.is_padded
    assert not alone.is_padded
    assert alone.references is not None
    assert not alone.references.is_padded


def test_every_image_stays_with_its_clip_and_its_word() -> None:
    caption = [CAPTION] * 2
    red, blue = image_of("man", "red"), image_of("hair", "blue")

    conditions = encode(caption, [[red], [blue, red]]).references

    assert conditions is not None
    alone = ENCODERS.image.encode([red.image, blue.image])
    assert torch.equal(conditions.image_tokens[0, 0], alone[0])
    assert torch.equal(conditions.image_tokens[1], alone[[1, 0]])
    assert torch.equal(conditions.word_tokens[1, 1], conditions.word_tokens[0, 0])
    assert torch.equal(conditions.word_tokens[1, 0, 0], caption_tokens().embeddings[5])


def test_a_batch_without_images_has_no_references() -> None:
    assert encode(["A dog."], [[]]).references is None


def test_dropping_the_text_of_one_clip_zeroes_it_and_keeps_its_word_bound() -> None:
    conditions = encode([CAPTION] * 2, [[image_of("man")], [image_of("man")]])

    dropped = conditions.without_text(torch.tensor([True, False]))

    assert not dropped.text[0].any()
    assert torch.equal(dropped.text[1], conditions.text[1])
    assert dropped.references is conditions.references


def test_an_empty_caption_still_gives_attention_something_to_look_at() -> None:
    conditions = encode([""], [[]])

    assert conditions.text.shape == (1, 1, 64)
    assert not conditions.is_text.any()


def test_an_image_whose_word_has_no_token_is_an_error_and_never_unbound() -> None:
    preface = "so " * 70
    start = len(preface) + CAPTION.index("man")
    behind = ReferenceImage(start=start, end=start + len("man"), image=Image.new("RGB", (20, 20)))

    with pytest.raises(ValueError, match=rf"the word at the characters \[{start}, .* no token.*made 64 of the text"):
        encode([preface + CAPTION], [[behind]])
