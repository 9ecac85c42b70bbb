"""Whole runs of sampling against diffusers' pipelines: text, null text, guidance, noise and steps together."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import CogVideoXPipeline, LTXPipeline

from modeling.backbones.cogvideox_schedule import CogVideoXSchedule
from modeling.encoders import EncodersConfig
from modeling.sampling.condition_encoding import encode_conditions
from modeling.sampling.flow import integrate
from modeling.sampling.guidance import GuidanceForm, GuidedVelocity, guidance_weights
from modeling.sampling.solvers import Euler
from tests.modeling.backbones.families import cogvideox_config, ltx_config
from tests.modeling.backbones.small_wan import wan_model as filled_model
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_cogvideox import cogvideox_encoders
from tests.modeling.encoders.tiny_ltx import ltx_encoders

PROMPT = "A red ball moves right over the meadow."
STEPS, SCALE = 4, 6.0


def test_cogvideox_is_sampled_as_its_pipeline_does_from_pure_noise_to_data(
    tiny_rotary_cogvideox: Path, paper_checkpoints: TinyCheckpoints
) -> None:
    noise = torch.randn(1, 16, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    kind: Any = CogVideoXPipeline
    pipeline = kind.from_pretrained(tiny_rotary_cogvideox, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)

    expected = pipeline(
        PROMPT,
        latents=noise.transpose(1, 2),
        height=32,
        width=48,
        num_frames=9,
        num_inference_steps=STEPS,
        guidance_scale=SCALE,
        max_sequence_length=32,
        output_type="latent",
    ).frames.transpose(1, 2)

    steps = CogVideoXSchedule(snr_shift_scale=1.0).timesteps[[999, 749, 499, 249]].tolist()
    config = cogvideox_config(tiny_rotary_cogvideox, is_rotary=True)
    found = sample(config, cogvideox_encoders(tiny_rotary_cogvideox, paper_checkpoints), noise, [*steps, 0.0])
    assert (expected - noise).abs().max() > 0.5
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3)


def test_ltx_is_sampled_as_its_pipeline_does(tiny_ltx: Path, paper_checkpoints: TinyCheckpoints) -> None:
    noise = torch.randn(1, 128, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    kind: Any = LTXPipeline
    pipeline = kind.from_pretrained(tiny_ltx, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)

    packed = pipeline(
        PROMPT,
        latents=LTXPipeline._pack_latents(noise),
        height=64,
        width=96,
        num_frames=9,
        num_inference_steps=STEPS,
        guidance_scale=SCALE,
        max_sequence_length=32,
        output_type="latent",
    ).frames

    expected = LTXPipeline._unpack_latents(packed, 2, 2, 3)
    found = sample(
        ltx_config(tiny_ltx), ltx_encoders(tiny_ltx, paper_checkpoints), noise, np.linspace(1, 0, STEPS + 1).tolist()
    )
    assert (expected - noise).abs().max() > 0.5
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3)


@torch.no_grad()
def sample(config: Any, encoders: EncodersConfig, noise: torch.Tensor, schedule: list[float]) -> torch.Tensor:
    conditions = encode_conditions(
        [PROMPT],
        [[]],
        encoders=encoders.build(),
        words_per_image=config.words_per_image,
        null_text=config.null_text,
        device=noise.device,
    )
    weights = guidance_weights(GuidanceForm.SEPARATE, text_scale=SCALE - 1, image_scale=3.0)
    velocity = GuidedVelocity(filled_model(config), conditions, weights)
    return integrate(velocity, noise, torch.tensor(schedule, dtype=torch.float64), solver=Euler())
