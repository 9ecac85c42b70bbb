from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset_schema import Bucket
from modeling.dit import DiTConfig
from modeling.flow import data_estimate
from modeling.pipeline import GuidedVelocity, Pipeline, PipelineConfig, SamplingConfig, steps_for
from modeling.presets import tiny
from modeling.training import build_model

BUCKET = Bucket(5, 32, 48)
PROMPT = "A red ball moves over the meadow."
SAMPLING = SamplingConfig(bucket=BUCKET, steps=2)


def picture(colour: str = "red") -> Image.Image:
    return Image.new("RGBA", (30, 20), colour)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    config = PipelineConfig(
        model=DiTConfig(width=32, blocks=1, heads=2, text_channels=64, image_channels=64, dropout=0.1),
        encoders=tiny().pipeline.encoders,
    )
    model = build_model(config.model, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return Pipeline(config, model, device=torch.device("cpu"))


def test_equal_seeds_give_equal_videos_and_others_do_not(pipeline: Pipeline) -> None:
    first, again = (pipeline(PROMPT, references={"ball": [picture()]}, sampling=SAMPLING) for _ in range(2))
    other = pipeline(PROMPT, references={"ball": [picture()]}, sampling=replace(SAMPLING, seed=1))

    assert first.shape == (5, 32, 48, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_was_saved_samples_the_same_video(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)

    loaded = Pipeline.from_pretrained(tmp_path)

    assert loaded.config == pipeline.config
    assert np.array_equal(loaded(PROMPT, sampling=SAMPLING), pipeline(PROMPT, sampling=SAMPLING))


def test_references_background_and_their_words_change_the_video(pipeline: Pipeline) -> None:
    videos = [
        pipeline(PROMPT, sampling=SAMPLING),
        pipeline(PROMPT, references={"ball": [picture()]}, sampling=SAMPLING),
        pipeline(PROMPT, references={"meadow": [picture()]}, sampling=SAMPLING),
        pipeline(PROMPT, background=picture(), sampling=SAMPLING),
        pipeline(PROMPT, background=picture(), background_word="meadow", sampling=SAMPLING),
    ]

    assert len({video.tobytes() for video in videos}) == 4
    assert np.array_equal(videos[2], videos[4])


def test_a_word_that_is_not_in_the_prompt_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match=r"reference word 'dog' is not in the prompt .* copy the word from the prompt"):
        pipeline(PROMPT, references={"dog": [picture()]}, sampling=SAMPLING)


def test_a_seventh_image_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="7 reference images, expected at most 6; leave out 1"):
        pipeline(PROMPT, references={"ball": [picture()] * 6}, background=picture(), sampling=SAMPLING)


def test_a_prompt_that_is_too_long_or_empty_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="more than the 64 tokens"):
        pipeline("ball " * 65, sampling=SAMPLING)
    with pytest.raises(ValueError, match="expected at least one word"):
        pipeline("", sampling=SAMPLING)


def test_an_odd_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a positive multiple of 16"):
        SamplingConfig(bucket=Bucket(5, 32, 50))


def test_a_directory_without_a_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.json does not exist"):
        Pipeline.from_pretrained(tmp_path)


def test_a_config_with_unknown_fields_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"words_per_image"', '"tokens_per_image"'))

    with pytest.raises(ValueError, match=r"config\.json: model has the fields tokens_per_image"):
        Pipeline.from_pretrained(tmp_path)


def test_encoders_that_do_not_fit_the_model_are_refused() -> None:
    with pytest.raises(ValueError, match="model has text_channels 1024, expected the encoders' 64"):
        PipelineConfig(encoders=tiny().pipeline.encoders)


@pytest.mark.parametrize(
    ("text_scale", "image_scale", "with_references", "calls"),
    [(8.0, 3.0, True, 3), (8.0, 0.0, True, 2), (8.0, 3.0, False, 2), (0.0, 3.0, True, 2), (0.0, 0.0, True, 1)],
)
def test_the_model_is_called_only_for_the_branches_that_count(
    pipeline: Pipeline, text_scale: float, image_scale: float, with_references: bool, calls: int
) -> None:
    seen: list[object] = []
    hook = pipeline.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    sampling = replace(SAMPLING, steps=1, text_scale=text_scale, image_scale=image_scale)

    pipeline(PROMPT, references={"ball": [picture()]} if with_references else None, sampling=sampling)
    hook.remove()

    assert len(seen) == calls


def test_guided_velocity_is_equation_2_of_the_three_branches(pipeline: Pipeline) -> None:
    images = pipeline._condition_images(PROMPT, {"ball": [picture()]}, None, None)
    conditions = pipeline._encode(PROMPT, images)
    latents = torch.randn(1, 16, 2, 4, 6, generator=torch.Generator().manual_seed(0))
    guided = GuidedVelocity(pipeline.model, conditions, text_scale=8.0, image_scale=3.0)

    with torch.no_grad():
        first = guided(latents, 1.0)
        second = guided(latents, 0.5)

        def branch(of: object, timestep: float, estimate: torch.Tensor | None) -> torch.Tensor:
            velocity: torch.Tensor = pipeline.model(latents, torch.tensor([timestep]), of, estimate)
            return velocity

        def by_hand(timestep: float, estimate: torch.Tensor | None) -> torch.Tensor:
            return (
                12 * branch(conditions, timestep, estimate)
                - 8 * branch(conditions.without_text(), timestep, estimate)
                - 3 * branch(conditions.without_references(), timestep, estimate)
            )

        shown = data_estimate(latents, branch(conditions, 1.0, None), torch.ones(1))
        torch.testing.assert_close(first, by_hand(1.0, None), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(second, by_hand(0.5, shown), atol=1e-4, rtol=1e-4)


def test_steps_are_the_papers_for_each_resolution() -> None:
    sizes = [Bucket(17, height, height * 16 // 9) for height in (144, 288, 576)]

    assert [steps_for(size) for size in sizes] == [256, 128, 64]
