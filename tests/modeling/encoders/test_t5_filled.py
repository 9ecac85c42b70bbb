"""T5 as the pipelines of diffusers use it that read its padding."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import CogVideoXPipeline

from modeling.encoders import Encoders, unread_part
from modeling.encoders.protocols import Autoencoder, ImageEncoder, TextEncoder
from modeling.encoders.t5 import T5Tokens
from modeling.encoders.t5_filled import FilledT5Tokens, WholeT5Tokens
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, TinyCheckpoints
from tests.modeling.encoders.tiny_cogvideox import TEXT_TOKENS, cogvideox_encoders

CAPTIONS = ("A red ball moves over the meadow.", "the sky")


@pytest.fixture(scope="module")
def cogvideox_pipeline(tiny_cogvideox: Path) -> Any:
    pipeline: Any = CogVideoXPipeline
    return pipeline.from_pretrained(tiny_cogvideox, local_files_only=True)


@pytest.fixture(scope="module")
def cogvideox(tiny_cogvideox: Path, paper_checkpoints: TinyCheckpoints) -> Encoders:
    return cogvideox_encoders(tiny_cogvideox, paper_checkpoints).build()


def test_each_of_cogvideox_three_is_what_the_library_asks_for(cogvideox: Encoders) -> None:
    assert isinstance(cogvideox.autoencoder, Autoencoder)
    assert isinstance(cogvideox.text, TextEncoder)
    assert isinstance(cogvideox.image, ImageEncoder)
    assert cogvideox.autoencoder.version.startswith("cogvideox-")


def test_texts_and_the_empty_one_are_those_of_cogvideox_pipeline_padding_included(
    cogvideox: Encoders, cogvideox_pipeline: Any
) -> None:
    with torch.no_grad():
        prompts, null = cogvideox_pipeline.encode_prompt(list(CAPTIONS), max_sequence_length=TEXT_TOKENS)

    ours = cogvideox.text.encode([*CAPTIONS, ""])

    for tokens, expected in zip(ours, [*prompts, null[0]], strict=True):
        torch.testing.assert_close(tokens.embeddings, expected, atol=2e-6, rtol=1e-5)
        assert len(tokens.spans) == TEXT_TOKENS
    assert (prompts[1, 10] - prompts[1, 20]).abs().max() > 0.01  # padding is embedded by its place, and not zero


def test_tokens_behind_the_end_of_a_text_stand_for_no_character(cogvideox: Encoders) -> None:
    text = "A red ball"

    (tokens,) = cogvideox.text.encode([text])

    assert [text[start:end] for start, end in tokens.spans] == ["A", "red", "ball", *[""] * (TEXT_TOKENS - 3)]
    assert cogvideox.text.spans([text]) == [tokens.spans]
    assert unread_part(text, tokens.spans, max_tokens=TEXT_TOKENS) == ""


def test_a_long_text_is_cut_to_as_many_tokens_as_the_pipeline_reads(
    cogvideox: Encoders, cogvideox_pipeline: Any
) -> None:
    text = "ball " * 40
    with torch.no_grad():
        expected, _ = cogvideox_pipeline.encode_prompt(text, max_sequence_length=TEXT_TOKENS)

    (tokens,) = cogvideox.text.encode([text])

    torch.testing.assert_close(tokens.embeddings, expected[0], atol=2e-6, rtol=1e-5)
    assert unread_part(text, tokens.spans, max_tokens=TEXT_TOKENS) == ("ball " * 9).strip()


def test_encoders_that_hand_on_different_tokens_share_no_cache(tiny_cogvideox: Path) -> None:
    folders = {"folder": tiny_cogvideox / "text_encoder", "tokenizer": tiny_cogvideox / "tokenizer"}
    built = [
        kind(**folders, max_tokens=TEXT_TOKENS, channels=CHANNELS, precision=Precision.FLOAT32)
        for kind in (T5Tokens, FilledT5Tokens, WholeT5Tokens)
    ]

    assert len({encoder.version for encoder in built}) == 3
    (plain,), (filled,), (whole,) = (encoder.encode(["the sky"]) for encoder in built)
    assert torch.equal(filled.embeddings, whole.embeddings[:3])  # two words and the mark
    assert (filled.embeddings[:2] - plain.embeddings).abs().max() > 0.01  # they have seen the padding
