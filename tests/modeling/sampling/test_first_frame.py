"""A video that begins with a given frame."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from dataset_schema import Bucket
from modeling.model.dit import DiTConfig
from modeling.model.weights import build_model
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.first_frame import fitted, holding_first
from modeling.sampling.flow import noisy_latents, timestep_schedule
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.sampling.prompt import Prompt
from modeling.sampling.solvers import Euler, Heun, Solver, UniPC
from modeling.training.presets import tiny

BUCKET = Bucket(9, 32, 48)
PROMPT = "A red ball moves over the meadow."
SAMPLING = SamplingConfig(bucket=BUCKET, steps=3, text_scale=1.0, image_scale=1.0)

Frame = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    config = PipelineConfig(
        model=DiTConfig(width=32, blocks=1, heads=2, text_channels=64, image_channels=64),
        encoders=tiny().pipeline.encoders,
    )
    model = build_model(config.model, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return Pipeline(config, model, device=torch.device("cpu"))


@pytest.fixture
def frame(moving_shape: Callable[[Bucket], torch.Tensor]) -> Frame:
    """The first of a clip of a ball over a meadow, at twice the size that is sampled."""
    first: Frame = moving_shape(Bucket(1, 2 * BUCKET.height, 2 * BUCKET.width))[0, 0].numpy()
    return first


@pytest.mark.parametrize("solver", [Euler(), Heun(), UniPC(), UniPC(order=3)], ids=str)
def test_the_video_begins_with_the_frame_as_the_autoencoder_shows_it(
    pipeline: Pipeline, frame: Frame, solver: Solver
) -> None:
    video = pipeline(PROMPT, first_frame=frame, sampling=replace(SAMPLING, solver=solver))

    wanted = np.asarray(fitted(Image.fromarray(frame), BUCKET))
    shown = pipeline.reconstruct(wanted[None])[0]
    assert video.shape == (9, 32, 48, 3)
    assert np.abs(video[0].astype(int) - shown).max() <= 1  # of 255: rounding
    codec_error = np.abs(shown.astype(int) - wanted).mean()
    assert np.abs(video[0].astype(int) - wanted).mean() == pytest.approx(codec_error, abs=0.1)
    assert codec_error < 8


def test_what_follows_the_frame_is_sampled_and_sees_it(pipeline: Pipeline, frame: Frame) -> None:
    without, given, inverted = (
        pipeline(PROMPT, first_frame=each, sampling=SAMPLING).astype(int) for each in (None, frame, 255 - frame)
    )

    for left, right in ((without, given), (given, inverted)):
        assert (np.abs(left[1:] - right[1:]).reshape(8, -1).max(axis=1) > 4).all()


def test_the_frame_is_the_same_however_it_is_given(pipeline: Pipeline, frame: Frame, tmp_path: Path) -> None:
    Image.fromarray(frame).save(tmp_path / "frame.png")

    videos = {
        pipeline(PROMPT, first_frame=given, sampling=SAMPLING).tobytes()
        for given in (frame, Image.fromarray(frame), tmp_path / "frame.png", str(tmp_path / "frame.png"))
    }

    assert len(videos) == 1


def test_of_several_videos_each_begins_with_its_own_frame_or_none(pipeline: Pipeline, frame: Frame) -> None:
    prompts = [Prompt(text=PROMPT, first_frame=given) for given in (frame, None, 255 - frame)]

    together = pipeline.sample_batch(prompts, sampling=SAMPLING)

    for prompt, video in zip(prompts, together, strict=True):
        alone = pipeline(prompt.text, first_frame=prompt.first_frame, sampling=SAMPLING)
        assert np.abs(video.astype(int) - alone).max() <= 1


def test_a_picture_of_another_shape_is_scaled_and_cropped_around_its_centre() -> None:
    wide = np.zeros((64, 200, 3), np.uint8)  # height 64 becomes 32, so 100 of width: 26 are cut off on each side
    wide[:, :52], wide[:, 52:-52], wide[:, -52:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)

    found = np.asarray(fitted(Image.fromarray(wide), BUCKET))

    assert found.shape == (32, 48, 3)
    assert (found[:, 2:-2] == (0, 255, 0)).all()


def test_what_is_transparent_is_white() -> None:
    assert (fitted(Image.new("RGBA", (96, 64), (0, 0, 0, 0)), BUCKET) == 255).all()


@pytest.mark.parametrize("solver", [Euler(), Heun(), UniPC(), UniPC(order=3)], ids=str)
def test_at_every_timestep_the_first_latents_are_as_noisy_as_in_training(solver: Solver) -> None:
    draw = torch.Generator().manual_seed(0)
    noise, data = (torch.randn(2, 4, 3, 2, 2, generator=draw) for _ in range(2))
    seen: list[tuple[float, torch.Tensor]] = []

    def velocity(latents: torch.Tensor, timestep: float) -> torch.Tensor:
        seen.append((timestep, latents))
        return torch.sin(5 * latents)

    held = holding_first(velocity, noise, [None, data[1, :, :1]])
    *_, end = solver.follow(held, noise, timestep_schedule(5, shift=2.0).tolist())

    for timestep, latents in [*seen, (0.0, end)]:
        on_the_way = noisy_latents(data[1:], noise[1:], torch.tensor([timestep]))[:, :, :1]
        torch.testing.assert_close(latents[1:, :, :1], on_the_way, atol=1e-5, rtol=0)
    assert (end[0, :, 0] - data[0, :, 0]).abs().max() > 0.5  # the other clip's are the model's


def test_a_picture_that_is_none_and_a_video_of_one_frame_are_refused(
    pipeline: Pipeline, frame: Frame, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"the first frame: .*none\.png does not exist, expected a picture such as"):
        pipeline(PROMPT, first_frame=tmp_path / "none.png", sampling=SAMPLING)
    with pytest.raises(
        ValueError, match="a video of 1x32x48 is its first frame, which is given; take a bucket of more"
    ):
        pipeline(PROMPT, first_frame=frame, sampling=replace(SAMPLING, bucket=Bucket(1, 32, 48)))
