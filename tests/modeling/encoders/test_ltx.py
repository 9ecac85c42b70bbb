"""LTX-Video's encoders against the pipeline of diffusers that they are taken from."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTXPipeline

from dataset_schema import Bucket
from modeling.encoders import Encoders
from modeling.encoders.ltx_autoencoder import LTX_LATENTS, LTXAutoencoder
from modeling.encoders.protocols import Autoencoder, ImageEncoder, TextEncoder
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_ltx import TEXT_TOKENS, ltx_encoders

Render = Callable[[Bucket], torch.Tensor]

CAPTIONS = ("A red ball moves over the meadow.", "the sky")


@pytest.fixture(scope="module")
def theirs(tiny_ltx: Path) -> Any:
    pipeline: Any = LTXPipeline
    return pipeline.from_pretrained(tiny_ltx, local_files_only=True)


@pytest.fixture(scope="module")
def encoders(tiny_ltx: Path, paper_checkpoints: TinyCheckpoints) -> Encoders:
    return ltx_encoders(tiny_ltx, paper_checkpoints).build()


def test_each_of_the_three_is_what_the_library_asks_for(encoders: Encoders) -> None:
    assert isinstance(encoders.autoencoder, Autoencoder)
    assert isinstance(encoders.text, TextEncoder)
    assert isinstance(encoders.image, ImageEncoder)
    assert encoders.autoencoder.version.startswith("ltx-")


def test_texts_and_the_empty_one_are_those_of_the_pipeline_that_it_does_not_mask(
    encoders: Encoders, theirs: Any
) -> None:
    with torch.no_grad():
        prompts, is_text, null, is_null = theirs.encode_prompt(list(CAPTIONS), max_sequence_length=TEXT_TOKENS)

    ours = encoders.text.encode([*CAPTIONS, ""])

    for tokens, expected, mask in zip(ours, [*prompts, null[0]], [*is_text, is_null[0]], strict=True):
        torch.testing.assert_close(tokens.embeddings, expected[mask], atol=2e-6, rtol=1e-5)
    assert len(ours[-1].spans) == 1  # the mark


@pytest.mark.parametrize("frames", [1, 9, 25])
def test_8k_plus_1_frames_become_k_plus_1_latents_and_come_back(
    encoders: Encoders, moving_shape: Render, frames: int
) -> None:
    video = moving_shape(Bucket(frames, 32, 64))

    latents = encoders.autoencoder.encode(video)
    decoded = encoders.autoencoder.decode(latents)

    assert latents.shape == (1, 128, (frames - 1) // 8 + 1, 1, 2)
    assert (decoded.shape, decoded.dtype) == (video.shape, torch.uint8)


def test_latents_are_the_mean_that_the_pipeline_normalises(
    encoders: Encoders, theirs: Any, moving_shape: Render
) -> None:
    video = moving_shape(Bucket(9, 32, 64))

    latents = encoders.autoencoder.encode(video)

    with torch.no_grad():
        found = theirs.vae.encode(video.permute(0, 4, 1, 2, 3).float() / 127.5 - 1).latent_dist.mode()
    expected = LTXPipeline._normalize_latents(found, theirs.vae.latents_mean, theirs.vae.latents_std)
    torch.testing.assert_close(latents, expected, atol=1e-5, rtol=1e-5)


def test_the_pipeline_decodes_the_same_video(encoders: Encoders, theirs: Any) -> None:
    latents = torch.randn(1, 128, 2, 1, 2, generator=torch.Generator().manual_seed(0))
    packed = LTXPipeline._pack_latents(latents)
    theirs.set_progress_bar_config(disable=True)

    ours = encoders.autoencoder.decode(latents)

    # What comes out of the only step of denoising is what went in, decoded.
    expected = theirs(
        prompt_embeds=torch.zeros(1, 4, theirs.text_encoder.config.d_model),
        prompt_attention_mask=torch.ones(1, 4, dtype=torch.bool),
        latents=packed,
        height=32,
        width=64,
        num_frames=9,
        num_inference_steps=1,
        guidance_scale=1.0,
        output_type="np",
        callback_on_step_end=lambda *_: {"latents": packed},
    ).frames[0]
    assert np.abs(ours[0].numpy() - expected * 255).max() <= 0.51


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"latent_channels": 16}, r"\(16, 8, 32\), expected \(128, 8, 32\)"),
        ({"timestep_conditioning": True}, r"decodes at a timestep, .* expected that of 0\.9"),
    ],
)
def test_another_autoencoder_is_refused(tiny_ltx: Path, tmp_path: Path, said: dict[str, object], message: str) -> None:
    folder = tmp_path / "vae"
    shutil.copytree(tiny_ltx / "vae", folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **said}))

    with pytest.raises(ValueError, match=message):
        LTXAutoencoder(folder, precision=Precision.FLOAT32)


@pytest.mark.parametrize("bucket", [Bucket(13, 32, 64), Bucket(9, 48, 64), Bucket(9, 64, 80)])
def test_a_bucket_off_its_grid_is_refused_by_a_sentence(bucket: Bucket) -> None:
    with pytest.raises(ValueError, match=r"does not fit latents of 8x32x32: expected 8k \+ 1 frames and .* of 32"):
        LTX_LATENTS.shape(bucket)


def test_every_latent_is_a_token() -> None:
    assert LTX_LATENTS.tokens(Bucket(97, 512, 704)) == 13 * 16 * 22


def test_a_video_off_its_grid_is_refused(encoders: Encoders) -> None:
    with pytest.raises(ValueError, match=r"video is 13x32x32, expected 8k \+ 1 frames and .* multiples of 32"):
        encoders.autoencoder.encode(torch.zeros(1, 13, 32, 32, 3, dtype=torch.uint8))
