"""Whole runs of sampling against diffusers' pipelines: text, null text, guidance, noise and steps together."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    CogVideoXPipeline,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideoPipeline,
    LTXPipeline,
    WanImageToVideoPipeline,
    WanPipeline,
)
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video import DEFAULT_PROMPT_TEMPLATE
from PIL import Image

from dataset_schema import Bucket
from modeling.backbones.cogvideox_schedule import CogVideoXSchedule
from modeling.encoders import EncodersConfig
from modeling.sampling import denoising
from modeling.sampling.condition_encoding import encode_conditions
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.flow import FlowConfig, integrate
from modeling.sampling.guidance import GuidanceForm, GuidedVelocity, guidance_weights
from modeling.sampling.pipeline import Pipeline, PipelineConfig, write_pipeline
from modeling.sampling.solvers import Euler
from tests.modeling.backbones.families import FAMILIES, cogvideox_config, hunyuan_config, ltx_config, ti2v_config
from tests.modeling.backbones.small_wan import TEXT_TOKENS
from tests.modeling.backbones.small_wan import wan_model as filled_model
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_cogvideox import cogvideox_encoders
from tests.modeling.encoders.tiny_hunyuan import TEMPLATE_TOKENS, hunyuan_encoders
from tests.modeling.encoders.tiny_ltx import ltx_encoders
from tests.modeling.encoders.tiny_wan import wan_encoders

PROMPT = "A red ball moves right over the meadow."
STEPS, SCALE = 4, 6.0
TI2V_SIZE = {
    "height": 32,
    "width": 64,
    "num_frames": 5,
    "num_inference_steps": STEPS,
    "max_sequence_length": TEXT_TOKENS,
    "output_type": "latent",
}


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


@pytest.mark.parametrize("scale", [1.0, SCALE])  # of guidance beside the embedded one
def test_hunyuan_is_sampled_as_its_pipeline_does(
    tiny_hunyuan: Path, paper_checkpoints: TinyCheckpoints, scale: float
) -> None:
    noise = torch.randn(1, 16, 2, 4, 6, generator=torch.Generator().manual_seed(0))
    kind: Any = HunyuanVideoPipeline
    pipeline = kind.from_pretrained(tiny_hunyuan, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)

    expected = pipeline(
        PROMPT,
        negative_prompt="",
        latents=noise,
        height=32,
        width=48,
        num_frames=5,
        num_inference_steps=STEPS,
        true_cfg_scale=scale,
        guidance_scale=4.5,
        prompt_template={**DEFAULT_PROMPT_TEMPLATE, "crop_start": TEMPLATE_TOKENS},
        max_sequence_length=32,
        output_type="latent",
    ).frames

    encoders, schedule = hunyuan_encoders(tiny_hunyuan, paper_checkpoints), pipeline.scheduler.sigmas.tolist()
    found, otherwise = (
        sample(hunyuan_config(tiny_hunyuan, embedded_guidance=told), encoders, noise, schedule, scale=scale)
        for told in (4.5, 1.0)
    )
    assert (expected - noise).abs().max() > 0.5
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3)
    assert (otherwise - expected).abs().max() > 0.01


def ti2v_pipeline(kind: Any, checkpoint: Path) -> Any:
    """Of diffusers, with a scheduler whose steps are those of Euler's method."""
    parts = WanPipeline.from_pretrained(checkpoint, local_files_only=True).components  # type: ignore[no-untyped-call]
    steps: Any = FlowMatchEulerDiscreteScheduler
    parts = {name: part for name, part in parts.items() if name != "transformer_2"}
    pipeline = kind(**{**parts, "scheduler": steps(shift=3.0)}, expand_timesteps=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler.set_timesteps(STEPS)
    return pipeline


def test_a_wan_that_expands_timesteps_is_sampled_as_its_pipeline_does(
    tiny_ti2v: Path, paper_checkpoints: TinyCheckpoints
) -> None:
    noise = torch.randn(1, 48, 2, 2, 4, generator=torch.Generator().manual_seed(0))
    pipeline = ti2v_pipeline(WanPipeline, tiny_ti2v)

    expected = pipeline(PROMPT, latents=noise, guidance_scale=SCALE, **TI2V_SIZE).frames

    encoders = wan_encoders(tiny_ti2v, paper_checkpoints, latent_channels=48)
    found = sample(ti2v_config(tiny_ti2v), encoders, noise, pipeline.scheduler.sigmas.tolist())
    assert (expected - noise).abs().max() > 0.5
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3)


def test_its_first_frame_is_given_as_to_its_image_pipeline_and_to_a_clip_without_one_nothing(
    tiny_ti2v: Path, paper_checkpoints: TinyCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = torch.randn(1, 48, 2, 2, 4, generator=torch.Generator().manual_seed(0))
    picture = Image.effect_mandelbrot((64, 32), (-2, -1, 1, 1), 30).convert("RGB")
    pipeline = ti2v_pipeline(WanImageToVideoPipeline, tiny_ti2v)
    schedule = pipeline.scheduler.sigmas
    monkeypatch.setattr(denoising, "timestep_schedule", lambda steps, shift: schedule)
    config, encoders = ti2v_config(tiny_ti2v), wan_encoders(tiny_ti2v, paper_checkpoints, latent_channels=48)

    # Its image pipeline cleans texts by a package that is not here, the other does not need it.
    text, null_text = ti2v_pipeline(WanPipeline, tiny_ti2v).encode_prompt(PROMPT, max_sequence_length=TEXT_TOKENS)
    texts = {"prompt_embeds": text, "negative_prompt_embeds": null_text}
    expected = pipeline(picture, latents=noise, guidance_scale=SCALE, **texts, **TI2V_SIZE).frames
    without = sample(config, encoders, noise, schedule.tolist())

    built = encoders.build()
    first = built.autoencoder.encode(torch.from_numpy(np.array(picture))[None, None])
    conditions = encode_conditions(
        [PROMPT] * 2, [[], []], encoders=built, words_per_image=2, null_text="", device=noise.device
    )
    found = denoising.sample_latents(
        filled_model(config),
        conditions,
        noise.repeat(2, 1, 1, 1, 1),
        sampling=SamplingConfig(bucket=Bucket(5, 32, 64), text_scale=SCALE - 1),
        flow=FlowConfig(),
        first=[first[0], None],
    )
    torch.testing.assert_close(found[:1], expected, atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(found[1:], without, atol=2e-4, rtol=1e-3)
    assert torch.equal(found[:1, :, :1], first)
    assert (expected - without)[:, :, 1:].abs().max() > 0.01


@pytest.mark.slow  # a model is loaded three times
@pytest.mark.parametrize("name", FAMILIES)
def test_new_layers_that_are_saved_sample_the_same_video_elsewhere(
    name: str, paper_checkpoints: TinyCheckpoints, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    family = FAMILIES[name]
    base = request.getfixturevalue(family.fixture)
    config = PipelineConfig(model=family.config(base), encoders=family.encoders(base, paper_checkpoints))
    model = filled_model(config.model, is_trained=True)
    sampling = SamplingConfig(bucket=family.bucket, steps=2, text_scale=2.0, image_scale=1.0)
    picture = Image.new("RGBA", (30, 20), "red")

    saved = write_pipeline(tmp_path / "saved", config, model.named_parameters())
    shutil.copytree(saved, tmp_path / "elsewhere")
    pipelines = [
        Pipeline(config, model, device=torch.device("cpu")),
        *(Pipeline.from_pretrained(tmp_path / place) for place in ("saved", "elsewhere")),
    ]
    videos = [pipeline(PROMPT, references={"ball": picture}, sampling=sampling) for pipeline in pipelines]
    without = pipelines[0](PROMPT, sampling=sampling)

    assert np.array_equal(videos[0], videos[1])
    assert np.array_equal(videos[0], videos[2])
    assert not np.array_equal(videos[0], without)


@torch.no_grad()
def sample(
    config: Any, encoders: EncodersConfig, noise: torch.Tensor, schedule: list[float], *, scale: float = SCALE
) -> torch.Tensor:
    conditions = encode_conditions(
        [PROMPT],
        [[]],
        encoders=encoders.build(),
        words_per_image=config.words_per_image,
        null_text=config.null_text,
        device=noise.device,
    )
    weights = guidance_weights(GuidanceForm.SEPARATE, text_scale=scale - 1, image_scale=3.0)
    velocity = GuidedVelocity(filled_model(config), conditions, weights)
    return integrate(velocity, noise, torch.tensor(schedule, dtype=torch.float64), solver=Euler())
