"""The three encoders together: built from a config, in a pipeline, in training."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset_schema import Bucket
from modeling.encoders import PaperEncoders
from modeling.encoders.frozen import FrozenEncoder
from modeling.encoders.protocols import Autoencoder, ImageEncoder, TextEncoder
from modeling.encoders.vision_patches import ImageKind
from modeling.model.dit import DiTConfig
from modeling.model.weights import build_model
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.training.loop import train
from modeling.training.presets import paper, tiny
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, TinyCheckpoints

BUCKET = Bucket(9, 32, 48)
PROMPT = "A red ball moves over the meadow."
SAMPLING = SamplingConfig(bucket=BUCKET, steps=2)
MODEL = DiTConfig(width=32, blocks=1, heads=2, text_channels=CHANNELS, image_channels=CHANNELS)


@pytest.fixture(scope="module")
def pipeline(paper_checkpoints: TinyCheckpoints) -> Pipeline:
    config = PipelineConfig(model=MODEL, encoders=paper_checkpoints.config())
    model = build_model(config.model, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return Pipeline(config, model, device=torch.device("cpu"))


@pytest.mark.parametrize("kind", list(ImageKind))
def test_the_encoders_are_built_from_a_config(paper_checkpoints: TinyCheckpoints, kind: ImageKind) -> None:
    config = paper_checkpoints.config(kind)

    encoders = config.build()

    assert isinstance(encoders.autoencoder, Autoencoder)
    assert isinstance(encoders.text, TextEncoder)
    assert isinstance(encoders.image, ImageEncoder)
    tokens = encoders.image.encode([Image.new("RGB", (8, 8))])
    assert tokens.shape == (1, config.image_tokens, config.image_channels)


def test_an_encoder_takes_no_memory_before_it_is_needed(paper_checkpoints: TinyCheckpoints) -> None:
    encoders = paper_checkpoints.config().build()
    parts = [encoders.autoencoder, encoders.text, encoders.image]

    def loaded() -> list[bool]:
        return [any(True for _ in part.parameters()) for part in parts if isinstance(part, torch.nn.Module)]

    encoders.to(torch.device("cpu"))
    versions = {encoders.autoencoder.version, encoders.text.version}

    assert len(versions) == 2
    assert loaded() == [False, False, False]
    encoders.text.encode([PROMPT])
    assert loaded() == [False, True, False]


def test_an_encoder_is_loaded_to_where_it_was_moved(paper_checkpoints: TinyCheckpoints) -> None:
    encoders = paper_checkpoints.config().build()
    assert isinstance(encoders.text, FrozenEncoder)

    encoders.to(torch.device("meta"))
    devices = {parameter.device.type for parameter in encoders.text.network().parameters()}

    assert devices == {"meta"}


def test_the_papers_preset_names_the_papers_encoders_at_its_widths() -> None:
    encoders = paper().pipeline.encoders

    assert isinstance(encoders, PaperEncoders)
    assert (encoders.image_tokens, encoders.image_channels, encoders.text_channels) == (256, 1024, 1024)  # Table 5
    assert encoders.image_kind is ImageKind.DINOV2  # Table 3: CLIP is an ablation


def test_a_patch_that_does_not_divide_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="image side 224 is not a multiple of the patch side 15"):
        PaperEncoders(patch_side=15)


def test_a_saved_pipeline_samples_the_same_video_as_before(pipeline: Pipeline, tmp_path: Path) -> None:
    picture = Image.new("RGBA", (30, 20), "red")

    def sample(of: Pipeline, seed: int = 0) -> np.ndarray:
        return of(PROMPT, references={"red ball": [picture]}, sampling=replace(SAMPLING, seed=seed))

    pipeline.save_pretrained(tmp_path)
    loaded = Pipeline.from_pretrained(tmp_path)

    assert loaded.config == pipeline.config
    assert sample(loaded).shape == (BUCKET.frames, BUCKET.height, BUCKET.width, 3)
    assert np.array_equal(sample(loaded), sample(pipeline))
    assert not np.array_equal(sample(loaded), sample(loaded, seed=1))


def test_pictures_and_their_words_change_the_video(pipeline: Pipeline) -> None:
    picture = Image.new("RGBA", (30, 20), "red")

    videos = [
        pipeline(PROMPT, references=references, sampling=SAMPLING)
        for references in ({}, {"ball": [picture]}, {"meadow": [picture]})
    ]

    assert len({video.tobytes() for video in videos}) == 3


def test_an_empty_prompt_and_one_that_is_too_long_are_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="expected at least one word"):
        pipeline("  ", sampling=SAMPLING)
    with pytest.raises(ValueError, match="more than the 32 tokens"):
        pipeline("ball " * 40, sampling=SAMPLING)


def test_encoders_that_do_not_fit_the_model_are_refused() -> None:
    with pytest.raises(ValueError, match="model has text_channels 1024, expected the encoders' 4096"):
        PipelineConfig(encoders=PaperEncoders(text_channels=4096))


def test_a_step_of_training_and_its_pipeline(
    paper_checkpoints: TinyCheckpoints, make_dataset: Callable[[dict[Bucket, int]], Path], tmp_path: Path
) -> None:
    start = tiny(steps=1)
    config = replace(
        start,
        pipeline=PipelineConfig(model=MODEL, encoders=paper_checkpoints.config()),
        training=replace(start.training, data=replace(start.training.data, buckets=(BUCKET,))),
    )

    reports: list[float] = []
    saved = train(
        config,
        dataset=make_dataset({BUCKET: 2}),
        output=tmp_path / "run",
        on_step=lambda step: reports.append(step.loss),
    )

    assert len(reports) == 1
    assert 0 < reports[0] < 10
    trained = Pipeline.from_pretrained(saved)
    assert trained.config.encoders == paper_checkpoints.config()
    assert trained(PROMPT, sampling=SAMPLING).shape == (BUCKET.frames, BUCKET.height, BUCKET.width, 3)
