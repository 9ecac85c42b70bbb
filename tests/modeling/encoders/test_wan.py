"""Wan's encoders against the pipeline of diffusers that they are taken from."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanPipeline

from dataset_schema import Bucket
from modeling.encoders import Encoders, LatentGeometry, unread_part
from modeling.encoders.protocols import Autoencoder, ImageEncoder, TextEncoder
from modeling.encoders.wan_autoencoder import WanAutoencoder
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_wan import DEVIATIONS, MEANS, wan_encoders

Render = Callable[[Bucket], torch.Tensor]

CAPTIONS = ("A red ball moves over the meadow.", "the sky")


@pytest.fixture(scope="module")
def theirs(tiny_wan: Path) -> Any:
    return WanPipeline.from_pretrained(tiny_wan, local_files_only=True)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def encoders(tiny_wan: Path, paper_checkpoints: TinyCheckpoints) -> Encoders:
    return wan_encoders(tiny_wan, paper_checkpoints).build()


def test_each_of_the_three_is_what_the_library_asks_for(encoders: Encoders) -> None:
    assert isinstance(encoders.autoencoder, Autoencoder)
    assert isinstance(encoders.text, TextEncoder)
    assert isinstance(encoders.image, ImageEncoder)
    assert encoders.autoencoder.version.startswith("wan-")
    assert encoders.text.version.startswith("umt5-")


def test_texts_and_the_empty_one_are_those_of_the_pipeline(encoders: Encoders, theirs: Any) -> None:
    with torch.no_grad():
        prompts, null = theirs.encode_prompt(list(CAPTIONS), max_sequence_length=32)

    ours = encoders.text.encode([*CAPTIONS, ""])

    for tokens, expected in zip(ours, [*prompts, null[0]], strict=True):
        count = len(tokens.spans)
        torch.testing.assert_close(tokens.embeddings, expected[:count], atol=2e-6, rtol=1e-5)
        assert not expected[count:].any()  # the pipeline fills up with zeros
    assert len(ours[-1].spans) == 1


def test_the_end_mark_is_handed_on_and_stands_for_no_character(encoders: Encoders) -> None:
    text = "A red ball"

    (tokens,) = encoders.text.encode([text])

    assert [text[start:end] for start, end in tokens.spans] == ["A", "red", "ball", ""]
    assert tokens.spans[-1] == (10, 10)
    assert encoders.text.spans([text]) == [tokens.spans]


def test_a_long_text_is_cut_to_as_many_tokens_as_the_pipeline_reads(encoders: Encoders, theirs: Any) -> None:
    text = "ball " * 40
    with torch.no_grad():
        expected, _ = theirs.encode_prompt(text, max_sequence_length=32)

    (tokens,) = encoders.text.encode([text])

    torch.testing.assert_close(tokens.embeddings, expected[0], atol=2e-6, rtol=1e-5)
    assert unread_part(text, tokens.spans, max_tokens=32) == ("ball " * 9).strip()  # 31 and the mark are read


@pytest.mark.parametrize("frames", [1, 5, 13])
def test_4k_plus_1_frames_become_k_plus_1_latents_and_come_back(
    encoders: Encoders, moving_shape: Render, frames: int
) -> None:
    video = moving_shape(Bucket(frames, 16, 32))

    latents = encoders.autoencoder.encode(video)
    decoded = encoders.autoencoder.decode(latents)

    assert latents.shape == (1, 16, (frames - 1) // 4 + 1, 2, 4)
    assert (decoded.shape, decoded.dtype) == (video.shape, torch.uint8)


def test_latents_are_the_mean_that_diffusers_finds_at_unit_scale(
    encoders: Encoders, theirs: Any, moving_shape: Render
) -> None:
    video = moving_shape(Bucket(9, 16, 32))

    latents = encoders.autoencoder.encode(video.repeat(2, 1, 1, 1, 1))

    with torch.no_grad():
        found = theirs.vae.encode(video.permute(0, 4, 1, 2, 3).float() / 127.5 - 1).latent_dist.mode()
    expected = (found - torch.tensor(MEANS).view(1, 16, 1, 1, 1)) / torch.tensor(DEVIATIONS).view(1, 16, 1, 1, 1)
    torch.testing.assert_close(latents, expected.repeat(2, 1, 1, 1, 1), atol=1e-6, rtol=1e-5)


def test_the_pipeline_decodes_the_same_video(encoders: Encoders, theirs: Any) -> None:
    latents = torch.randn(1, 16, 3, 2, 4, generator=torch.Generator().manual_seed(0))
    embeddings = torch.zeros(1, 4, theirs.text_encoder.config.d_model)
    theirs.set_progress_bar_config(disable=True)

    ours = encoders.autoencoder.decode(latents)

    # No step of denoising, so that what comes out is what went in, decoded.
    expected = theirs(
        prompt_embeds=embeddings,
        latents=latents,
        height=16,
        width=32,
        num_frames=9,
        num_inference_steps=1,
        guidance_scale=1.0,
        callback_on_step_end=lambda *_: {"latents": latents},
    ).frames[0]
    assert np.abs(ours[0].numpy() - expected * 255).max() <= 0.51


def test_another_autoencoder_is_refused(tiny_wan: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vae"
    shutil.copytree(tiny_wan / "vae", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "z_dim": 48, "scale_factor_spatial": 16}))

    with pytest.raises(ValueError, match=r"\(48, 4, 16\), expected \(16, 4, 8\)"):
        WanAutoencoder(folder, geometry=LatentGeometry(), precision=Precision.FLOAT32)
