import torch

from modeling.encoders.hashed_words import HashedWords


def encoder(max_tokens: int = 32) -> HashedWords:
    return HashedWords(channels=256, max_tokens=max_tokens)


def test_every_token_knows_its_characters() -> None:
    text = "A dog, a cat's  ball."

    tokens = encoder().encode([text])[0]

    words = [text[start:end] for start, end in tokens.spans]
    assert words == ["A", "dog", ",", "a", "cat", "'", "s", "ball", "."]
    assert len(tokens.embeddings) == len(words)


def test_equal_words_are_alike_wherever_they_stand_and_different_words_are_not() -> None:
    dog, _, same, other = encoder().encode(["Dog runs dog cat"])[0].embeddings

    assert torch.nn.functional.cosine_similarity(dog, same, dim=0) > 0.8
    assert torch.nn.functional.cosine_similarity(dog, other, dim=0) < 0.5


def test_the_place_of_a_word_shows() -> None:
    first, second = encoder().encode(["dog dog"])[0].embeddings

    assert not torch.equal(first, second)


def test_a_vector_follows_from_the_letters_alone() -> None:
    vector = HashedWords(channels=8, max_tokens=1).encode(["dog"])[0].embeddings[0]

    # SHAKE-256 of "dog" begins with the byte 0x8a, 10001010 in bits; place 0 has the code sin 0, cos 0.
    signs = torch.tensor([1.0, -1, -1, -1, 1, -1, 1, -1])
    place = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1])
    torch.testing.assert_close(vector, (signs + place) / 1.5**0.5)


def test_later_words_are_cut_off() -> None:
    tokens = encoder(max_tokens=2).encode(["one two three"])[0]

    assert tokens.spans == ((0, 3), (4, 7))


def test_an_empty_text_has_no_tokens() -> None:
    assert encoder().encode([""])[0].embeddings.shape == (0, 256)


def test_the_version_changes_with_the_tokens() -> None:
    versions = {HashedWords(channels=channels, max_tokens=most).version for channels in (8, 16) for most in (4, 8)}

    assert len(versions) == 4
    assert encoder().version == encoder().version


def test_the_spans_of_tokens_are_those_of_encoded_texts() -> None:
    texts = ["A red ball, moving.", "", "Ball"]

    assert encoder(max_tokens=3).spans(texts) == [tokens.spans for tokens in encoder(max_tokens=3).encode(texts)]
