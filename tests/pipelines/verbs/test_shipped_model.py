"""The small model that ships: `make sample` with it, straight after setup, shows the subject that the picture shows."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dataset_schema import Bucket
from modeling.data.video import decode_clip
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline
from pipelines.config import parse
from pipelines.verbs.sample import Sample, sample

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "models" / "small_world"
PROMPT = "A cat moves left on the beach."


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.from_pretrained(MODEL)


def recolored(picture: Image.Image, color: tuple[int, int, int]) -> Image.Image:
    """The picture in one color: a look that the model cannot have met."""
    flat = Image.new("RGBA", picture.size, (*color, 255))
    flat.putalpha(picture.getchannel("A"))
    return flat


def sampled(pipeline: Pipeline, picture: Image.Image, seed: int) -> npt.NDArray[np.uint8]:
    sampling = SamplingConfig(bucket=Bucket(9, 48, 96), steps=12, seed=seed, text_scale=0.0, image_scale=0.0)
    return pipeline(PROMPT, references={"cat": [picture]}, sampling=sampling)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_subject_takes_its_color_from_the_picture(pipeline: Pipeline, seed: int) -> None:
    picture = Image.open(MODEL / "cat.png")

    red = sampled(pipeline, recolored(picture, (200, 40, 40)), seed).astype(float)
    green = sampled(pipeline, recolored(picture, (40, 170, 40)), seed).astype(float)

    differs = np.abs(red - green).max(axis=-1) > 40
    assert 0.03 < differs.mean() < 0.4  # the cat, not the beach
    assert (red - green)[differs][:, 0].mean() > 40
    assert (red - green)[differs][:, 1].mean() < -40


def test_make_samples_preset_is_that_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments = ["--prompt", PROMPT, "--reference", f"cat={MODEL / 'cat.png'}", "--output", str(tmp_path / "cat.mp4")]
    command = parse(Sample, arguments, verb="sample", preset=ROOT / "configs" / "sample_small_world.toml")

    video = decode_clip(sample(command), Bucket(9, 48, 96))

    assert command.model == Path("models/small_world")
    assert video.std() > 10
