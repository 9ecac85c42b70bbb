"""A pipeline on a device samples what it samples on a CPU.

Each test runs on the CPU by default, and on a GPU with `make test-gpu`.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from dataset_schema import Bucket
from modeling.data.video import Video
from modeling.model.dit import DiTConfig
from modeling.model.precision import Precision
from modeling.model.weights import build_model
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.sampling.solvers import Euler, Heun, Solver, UniPC
from modeling.training.presets import tiny

PROMPT = "A red ball moves over the meadow."
# Guidance of the paper's strength multiplies every rounding by twelve.
GENTLE = SamplingConfig(bucket=Bucket(9, 32, 48), steps=4, text_scale=1.0, image_scale=1.0)
PICTURE = Image.new("RGBA", (30, 20), "red")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline whose layers are none of them zero, and whose weights are random."""
    config = PipelineConfig(
        model=DiTConfig(width=128, blocks=2, heads=1, text_channels=64, image_channels=64),
        encoders=tiny().pipeline.encoders,
    )
    model = build_model(config.model, seed=0)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    found = tmp_path_factory.mktemp("pipeline")
    Pipeline(config, model, device=torch.device("cpu")).save_pretrained(found)
    return found


def sample(folder: Path, device: str, sampling: SamplingConfig, dtype: torch.dtype = torch.float32) -> Video:
    """A video with a reference, a background and a given first frame."""
    pipeline = Pipeline.from_pretrained(folder, device=device, dtype=dtype)
    frame = np.tile(np.linspace(0, 255, 48, dtype=np.uint8)[None, :, None], (32, 1, 3))
    return pipeline(
        PROMPT,
        references={"ball": PICTURE},
        background=Image.new("RGB", (48, 32), "green"),
        first_frame=frame,
        sampling=sampling,
    )


def differences(left: Video, right: Video) -> npt.NDArray[np.int64]:
    """Of 255, of every number."""
    found: npt.NDArray[np.int64] = np.abs(left.astype(np.int64) - right)
    return found


@pytest.mark.parametrize("solver", [Euler(), Heun(), UniPC()], ids=str)
def test_float32_on_a_device_samples_the_cpus_video(folder: Path, device: str, solver: Solver) -> None:
    sampling = replace(GENTLE, solver=solver, precision=Precision.FLOAT32)

    found, expected = (sample(folder, name, sampling) for name in (device, "cpu"))

    assert found.shape == (9, 32, 48, 3)
    assert differences(found, expected).max() <= 1  # rounding


def test_left_to_itself_a_gpu_samples_in_bfloat16_and_a_cpu_in_float32(folder: Path, device: str) -> None:
    found = sample(folder, device, GENTLE)

    natural = Precision.FLOAT32 if device == "cpu" else Precision.BFLOAT16
    assert np.array_equal(found, sample(folder, device, replace(GENTLE, precision=natural)))
    assert differences(found, sample(folder, "cpu", replace(GENTLE, precision=Precision.FLOAT32))).mean() < 1


def test_bfloat16_weights_on_a_device_sample_nearly_the_video_of_float32_ones(folder: Path, device: str) -> None:
    found = sample(folder, device, GENTLE, dtype=torch.bfloat16)

    assert 0 < differences(found, sample(folder, "cpu", GENTLE)).mean() < 2


def test_branches_in_turns_or_together_are_the_same_on_a_device(folder: Path, device: str) -> None:
    sampling = replace(GENTLE, precision=Precision.FLOAT32)

    together, in_turns = (
        sample(folder, device, replace(sampling, batches_branches=batches)) for batches in (True, False)
    )

    assert differences(together, in_turns).max() <= 1


def test_a_video_is_encoded_and_decoded_on_a_device_as_on_the_cpu(folder: Path, device: str) -> None:
    video = np.random.default_rng(0).integers(0, 256, (9, 32, 48, 3), dtype=np.uint8)

    found, expected = (Pipeline.from_pretrained(folder, device=name).reconstruct(video) for name in (device, "cpu"))

    assert differences(found, expected).max() <= 1
