import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import T5EncoderModel, T5Tokenizer

from modeling.encoders.t5 import T5Tokens
from modeling.model.precision import Precision
from modeling.sampling.condition_encoding import word_tokens
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, TinyCheckpoints

CAPTION = "A red ball moves over the meadow."


@pytest.fixture(scope="module")
def folder(paper_checkpoints: TinyCheckpoints) -> Path:
    return paper_checkpoints.text


def load(folder: Path, *, max_tokens: int = 32, precision: Precision = Precision.FLOAT32) -> T5Tokens:
    return T5Tokens(folder, max_tokens=max_tokens, channels=CHANNELS, precision=precision)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> T5Tokens:
    return load(folder)


def test_tokens_are_those_of_the_t5_encoder_without_the_end_mark(encoder: T5Tokens, folder: Path) -> None:
    theirs: Any = T5EncoderModel.from_pretrained(folder, local_files_only=True)
    ids = T5Tokenizer.from_pretrained(folder, local_files_only=True)(CAPTION, return_tensors="pt").input_ids

    tokens = encoder.encode([CAPTION])[0]

    with torch.no_grad():
        expected = theirs.eval()(input_ids=ids).last_hidden_state[0]
    assert ids[0, -1] == 1  # </s>
    torch.testing.assert_close(tokens.embeddings, expected[:-1], atol=1e-6, rtol=1e-6)


def test_every_token_knows_its_characters(encoder: T5Tokens) -> None:
    text = "  A red\tboxes, the\nball  "

    tokens = encoder.encode([text])[0]

    pieces = [text[start:end] for start, end in tokens.spans]
    assert pieces == ["A", "red", "box", "e", "s", ",", "the", "ball"]
    assert len(tokens.embeddings) == len(pieces)


@pytest.mark.parametrize(
    ("text", "word", "pieces"),
    [
        ("The sunlit meadow", "lit", ["sunlit"]),  # starts inside a token
        ("A red-blue ball", "blue ball", ["b", "l", "u", "e", "ball"]),
        (
            "A \uff52\uff45\uff44 ball",
            "\uff52\uff45\uff44",
            ["\uff52\uff45\uff44"],
        ),  # full width letters, which the checkpoint's normalisation narrows
        (
            "A \ufb01sh over \ufb01re",
            "\ufb01re",
            ["\ufb01", "\ufb01", "\ufb01", "r", "e"],
        ),  # a ligature: a space and two letters of one character
        ("A 🐶 over the sky", "🐶", ["🐶", "🐶"]),  # a space and what T5 does not know
        ("A red ball ", "ball", ["ball"]),
    ],
)
def test_the_tokens_of_a_word_are_found_by_its_characters(
    encoder: T5Tokens, text: str, word: str, pieces: list[str]
) -> None:
    start = text.index(word)
    tokens = encoder.encode([text])[0]

    found = word_tokens(tokens, start, start + len(word), count=8)

    places = [place for place, span in enumerate(tokens.spans) if span[0] < start + len(word) and start < span[1]]
    assert [text[slice(*tokens.spans[place])] for place in places] == pieces
    assert torch.equal(found[: len(pieces)], tokens.embeddings[places])
    assert not found[len(pieces) :].any()


def test_the_normalisation_of_the_checkpoint_is_kept(encoder: T5Tokens) -> None:
    wide, narrow = encoder.encode(["A \uff52\uff45\uff44 \ufb01sh", "A red fish"])

    torch.testing.assert_close(wide.embeddings, narrow.embeddings)


def test_a_token_depends_on_its_context_and_not_on_the_padding_beside_it(encoder: T5Tokens) -> None:
    alone = encoder.encode(["red ball"])[0]
    padded, longer = encoder.encode(["red ball", "red ball " * 10])

    torch.testing.assert_close(alone.embeddings, padded.embeddings, atol=1e-5, rtol=0)
    assert not torch.allclose(longer.embeddings[:2], alone.embeddings, atol=1e-2)


def test_later_tokens_are_cut_off_and_do_not_matter(folder: Path) -> None:
    short, long = (load(folder, max_tokens=3).encode([text])[0] for text in ("A red ball", "A red ball moves right"))

    assert long.spans == ((0, 1), (2, 5), (6, 10))
    assert torch.equal(short.embeddings, long.embeddings)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_has_no_tokens_alone_or_beside_others(encoder: T5Tokens, text: str) -> None:
    empty, other = encoder.encode([text, CAPTION])

    assert empty.embeddings.shape == (0, CHANNELS)
    assert empty.spans == ()
    torch.testing.assert_close(other.embeddings, encoder.encode([CAPTION])[0].embeddings, atol=1e-5, rtol=0)


def test_half_the_memory_gives_nearly_the_same_tokens(encoder: T5Tokens, folder: Path) -> None:
    half = load(folder, precision=Precision.BFLOAT16).encode([CAPTION])[0].embeddings

    exact = encoder.encode([CAPTION])[0].embeddings
    assert half.dtype == torch.float32
    assert 0 < (half - exact).norm() < 0.02 * exact.norm()


def test_nothing_of_it_is_trained(encoder: T5Tokens) -> None:
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(module.training for module in encoder.network().modules())
    assert not encoder.encode([CAPTION])[0].embeddings.requires_grad


def test_the_version_follows_the_vocabulary_the_length_and_the_precision(folder: Path, tmp_path: Path) -> None:
    moved, renamed = tmp_path / "moved", tmp_path / "renamed"
    shutil.copytree(folder, moved)
    shutil.copytree(folder, renamed)
    tokenizer = (renamed / "tokenizer.json").read_text(encoding="utf-8")
    (renamed / "tokenizer.json").write_text(tokenizer.replace("sunlit", "sunlight"), encoding="utf-8")

    versions = [
        load(folder).version,
        load(moved).version,
        load(renamed).version,
        load(folder, max_tokens=8).version,
        load(folder, precision=Precision.BFLOAT16).version,
    ]

    assert versions[0] == versions[1]
    assert len(set(versions)) == 4


def test_refuses_a_checkpoint_of_another_width(folder: Path) -> None:
    with pytest.raises(ValueError, match="t5 has 64 channels, the config has text_channels 1024"):
        T5Tokens(folder, max_tokens=32, channels=1024, precision=Precision.FLOAT32)


def test_refuses_a_checkpoint_without_its_tokenizer(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "tokenizer.json").unlink()

    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json does not exist"):
        load(copy)


@pytest.mark.parametrize("max_tokens", [3, 32])
def test_the_spans_of_tokens_are_those_of_encoded_texts(folder: Path, max_tokens: int) -> None:
    encoder, texts = load(folder, max_tokens=max_tokens), ["A red ball moves right over the meadow.", "", "Ball"]

    assert encoder.spans(texts) == [tokens.spans for tokens in encoder.encode(texts)]
