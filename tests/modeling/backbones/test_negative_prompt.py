"""A negative prompt leads guidance away as in `WanPipeline`, and where a model reads none it is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UniPCMultistepScheduler, WanPipeline
from torch import Tensor

from modeling.encoders import EmbeddedEncoders
from modeling.model.dit import DiTConfig
from modeling.model.weights import build_model
from modeling.randomness import torch_generator
from modeling.sampling import denoising
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.sampling.solvers import UniPC
from pipelines.__main__ import main
from tests.modeling.backbones.small_wan import TEXT_TOKENS, wan_config, wan_model
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_wan import wan_encoders
from tests.modeling.training.small_runs import SMALL

PROMPT, NEGATIVE = "A red ball moves right over the meadow.", "The night and a blue box."
SAMPLING = SamplingConfig(bucket=SMALL, steps=4, text_scale=4.0, image_scale=0.0, solver=UniPC())
CPU = torch.device("cpu")


class FractionalUniPC(UniPCMultistepScheduler):
    """Wan's scheduler, which tells the model its timesteps without rounding them to integers."""

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        super().set_timesteps(steps, device)  # type: ignore[misc]
        sigmas: Tensor = vars(self)["sigmas"]
        self.timesteps = sigmas[:-1] * 1000


@pytest.fixture
def pipeline(tiny_wan: Path, paper_checkpoints: TinyCheckpoints) -> Pipeline:
    model = wan_config(tiny_wan)
    config = PipelineConfig(model=model, encoders=wan_encoders(tiny_wan, paper_checkpoints))
    return Pipeline(config, wan_model(model), device=CPU)


@pytest.mark.parametrize("negative", [NEGATIVE, None])
def test_the_video_is_that_of_wan_pipeline_with_the_same_negative_prompt(
    pipeline: Pipeline, tiny_wan: Path, negative: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind: Any = WanPipeline
    theirs = kind.from_pretrained(tiny_wan, local_files_only=True)
    theirs.set_progress_bar_config(disable=True)
    scheduler: Any = FractionalUniPC
    theirs.scheduler = scheduler.from_config(theirs.scheduler.config)
    theirs.scheduler.set_timesteps(SAMPLING.steps)
    schedule: Tensor = theirs.scheduler.sigmas
    monkeypatch.setattr(denoising, "timestep_schedule", lambda steps, shift: schedule)

    expected = theirs(
        PROMPT,
        negative_prompt=negative,
        num_inference_steps=SAMPLING.steps,
        guidance_scale=SAMPLING.text_scale + 1,
        latents=torch.randn(1, 16, 2, 4, 6, generator=torch_generator("sample", SAMPLING.seed)),
        max_sequence_length=TEXT_TOKENS,
        height=SMALL.height,
        width=SMALL.width,
        num_frames=SMALL.frames,
    ).frames[0]

    found = pipeline(PROMPT, negative_prompt=negative, sampling=SAMPLING) / 255
    assert np.abs(found - expected).max() < 0.6 / 255  # pixels are rounded to bytes here
    other = pipeline(PROMPT, negative_prompt="A meadow.", sampling=SAMPLING) / 255
    assert np.abs(other - expected).max() > 5 / 255


def test_a_negative_prompt_that_is_not_all_read_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match=r"negative_prompt has more than the 32 tokens that the text encoder reads"):
        pipeline(PROMPT, negative_prompt="blurry " * 60, sampling=SAMPLING)


def test_a_negative_prompt_without_guidance_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="which changes nothing with text_scale 0"):
        pipeline(PROMPT, negative_prompt=NEGATIVE, sampling=SamplingConfig(bucket=SMALL, steps=1, text_scale=0.0))


def test_a_model_that_reads_zeros_in_its_place_refuses_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoders = EmbeddedEncoders(text_channels=64, image_channels=64)
    config = PipelineConfig(
        model=DiTConfig(width=32, blocks=1, heads=2, text_channels=64, image_channels=64), encoders=encoders
    )
    Pipeline(config, build_model(config.model, seed=0), device=CPU).save_pretrained(tmp_path / "dit")
    where = ["--model", str(tmp_path / "dit"), "--output", str(tmp_path / "v.mp4"), "--sampling.bucket", "5x32x48"]

    assert main(["sample", *where, "--prompt", PROMPT, "--negative-prompt", NEGATIVE]) == 2

    assert "the model was trained with zeros where a text is dropped" in capsys.readouterr().err
    assert not (tmp_path / "v.mp4").exists()
