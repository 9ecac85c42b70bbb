"""HunyuanVideo's encoders against its pipeline in diffusers, from checkpoints that the real libraries saved."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import HunyuanVideoPipeline
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video import DEFAULT_PROMPT_TEMPLATE

from dataset_schema import Bucket
from modeling.encoders import Encoders, unread_part
from modeling.encoders.protocols import Autoencoder, ImageEncoder, TextEncoder
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_hunyuan import TEMPLATE_TOKENS, TEXT_TOKENS, hunyuan_encoders

Render = Callable[[Bucket], torch.Tensor]

CAPTIONS = ("A red ball moves over the meadow.", "the night {and} a box", "")


@pytest.fixture(scope="module")
def theirs(tiny_hunyuan: Path) -> Any:
    kind: Any = HunyuanVideoPipeline
    return kind.from_pretrained(tiny_hunyuan, local_files_only=True)


@pytest.fixture(scope="module")
def encoders(tiny_hunyuan: Path, paper_checkpoints: TinyCheckpoints) -> Encoders:
    return hunyuan_encoders(tiny_hunyuan, paper_checkpoints).build()


@torch.no_grad()
def encode_prompts(pipeline: Any, texts: list[str]) -> Any:
    """As the pipeline does, whose template has as many tokens as this tokenizer makes of it."""
    template = {**DEFAULT_PROMPT_TEMPLATE, "crop_start": TEMPLATE_TOKENS}
    return pipeline.encode_prompt(texts, prompt_template=template, max_sequence_length=TEXT_TOKENS)


def test_each_of_the_three_is_what_the_library_asks_for(encoders: Encoders) -> None:
    assert isinstance(encoders.autoencoder, Autoencoder)
    assert isinstance(encoders.text, TextEncoder)
    assert isinstance(encoders.image, ImageEncoder)
    assert encoders.autoencoder.version.startswith("hunyuan-")
    assert encoders.text.version.startswith("llama-and-clip-")


def test_texts_and_the_empty_one_and_their_vectors_are_those_of_the_pipeline(encoders: Encoders, theirs: Any) -> None:
    prompts, pooled, masks = encode_prompts(theirs, list(CAPTIONS))

    ours = encoders.text.encode(CAPTIONS)

    for tokens, expected, vector, mask in zip(ours, prompts, pooled, masks, strict=True):
        assert mask.sum() == len(tokens.spans) == len(tokens.embeddings)
        torch.testing.assert_close(tokens.embeddings, expected[mask.bool()], atol=2e-6, rtol=1e-5)
        torch.testing.assert_close(tokens.pooled, vector, atol=2e-6, rtol=1e-5)
    assert len(ours[-1].spans) == 1


def test_the_instruction_is_not_handed_on_and_the_mark_stands_for_no_character(encoders: Encoders) -> None:
    text = "A red ball."

    (tokens,) = encoders.text.encode([text])

    assert [text[start:end] for start, end in tokens.spans] == ["A", "red", "ball", ".", ""]
    assert tokens.spans[-1] == (11, 11)
    assert encoders.text.spans([text]) == [tokens.spans]


def test_a_long_text_is_cut_to_as_many_tokens_as_the_pipeline_reads(encoders: Encoders, theirs: Any) -> None:
    text = ("ball " * 40).strip()
    prompts, pooled, masks = encode_prompts(theirs, [text])

    (tokens,) = encoders.text.encode([text])

    assert masks.all()
    torch.testing.assert_close(tokens.embeddings, prompts[0], atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(tokens.pooled, pooled[0], atol=2e-6, rtol=1e-5)
    assert unread_part(text, tokens.spans, max_tokens=TEXT_TOKENS) == ("ball " * 8).strip()


def test_latents_are_the_scaled_mean_that_diffusers_finds_and_it_decodes_the_same_video(
    encoders: Encoders, theirs: Any, moving_shape: Render
) -> None:
    video = moving_shape(Bucket(21, 16, 32))  # longer than the pieces that the network cuts it into

    latents = encoders.autoencoder.encode(video)
    decoded = encoders.autoencoder.decode(latents)

    assert latents.shape == (1, 16, 6, 2, 4)
    assert decoded.shape == video.shape
    with torch.no_grad():
        found = theirs.vae.encode(video.permute(0, 4, 1, 2, 3).float() / 127.5 - 1).latent_dist.mode()
        pixels = theirs.vae.decode(found).sample.permute(0, 2, 3, 4, 1)
    torch.testing.assert_close(latents, found * 0.476986, atol=1e-5, rtol=1e-5)
    assert ((pixels.clamp(-1, 1) + 1) * 127.5 - decoded).abs().max() <= 0.52


@pytest.mark.parametrize(
    ("file", "said", "message"),
    [
        ("vae/config.json", {"latent_channels": 32}, r"\(32, 4, 8\), expected \(16, 4, 8\)"),
        ("vae/config.json", {"scaling_factor": None}, "has no scaling_factor; add the one"),
        ("text_encoder/config.json", {"hidden_size": 32}, "has 32 channels, the config has text_channels 64"),
        ("text_encoder_2/config.json", {"hidden_size": 32}, "has 32 channels, the config has pooled_channels 16"),
    ],
)
def test_other_encoders_are_refused(
    tiny_hunyuan: Path,
    paper_checkpoints: TinyCheckpoints,
    tmp_path: Path,
    file: str,
    said: dict[str, object],
    message: str,
) -> None:
    shutil.copytree(tiny_hunyuan, tmp_path / "base")
    content = {**json.loads((tmp_path / "base" / file).read_text()), **said}
    kept = {name: value for name, value in content.items() if value is not None}
    (tmp_path / "base" / file).write_text(json.dumps(kept))

    with pytest.raises(ValueError, match=message):
        hunyuan_encoders(tmp_path / "base", paper_checkpoints).build()


def test_a_tokenizer_that_reads_the_instruction_otherwise_is_refused(
    tiny_hunyuan: Path, paper_checkpoints: TinyCheckpoints
) -> None:
    config = replace(hunyuan_encoders(tiny_hunyuan, paper_checkpoints), template_tokens=95)

    with pytest.raises(ValueError, match="makes 92 tokens of HunyuanVideo's instruction, expected 95; take the one"):
        config.build()
