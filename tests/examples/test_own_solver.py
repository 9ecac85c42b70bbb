"""The example's solver is of the order that it claims, and samples with the model that ships."""

import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

import modeling
from dataset_schema import Bucket
from examples.own_solver import MODEL, AdamsBashforth
from modeling.sampling.flow import integrate, timestep_schedule

ROOT = Path(__file__).parents[2]
BUCKET = Bucket(9, 48, 96)


def error(steps: int, shift: float) -> float:
    """Of x' = -2 t x, which is exp(1 - t^2) at t where it is 1 at 1; steps of all lengths where there is a shift."""
    schedule = timestep_schedule(steps, shift=shift)
    found = integrate(lambda x, t: -2 * t * x, torch.ones(1, dtype=torch.float64), schedule, solver=AdamsBashforth())
    return abs(found.item() - math.e)


@pytest.mark.parametrize("shift", [1.0, 4.0])
def test_its_error_falls_with_the_square_of_the_step(shift: float) -> None:
    errors = [error(steps, shift) for steps in (128, 256, 512, 1024)]

    slopes = [math.log2(finer / coarser) for coarser, finer in pairwise(errors)]
    assert slopes == pytest.approx([-2] * 3, abs=0.1)


def test_one_object_serves_many_runs() -> None:
    solver, schedule = AdamsBashforth(), timestep_schedule(5, shift=1.0)

    first, again = (integrate(lambda x, t: t * x, torch.ones(1), schedule, solver=solver) for _ in range(2))

    assert torch.equal(first, again)


def test_it_comes_nearer_than_eulers_method_to_the_video_of_many_steps() -> None:
    pipeline = modeling.Pipeline.from_pretrained(MODEL)

    def sampled(steps: int, solver: modeling.Solver) -> npt.NDArray[np.float64]:
        sampling = modeling.SamplingConfig(bucket=BUCKET, steps=steps, text_scale=0.0, image_scale=0.0, solver=solver)
        cat = Image.open(MODEL / "cat.png")
        return pipeline("A cat moves left on the beach.", references={"cat": [cat]}, sampling=sampling).astype(float)

    exact = sampled(40, modeling.Heun())
    own, euler = (np.abs(sampled(8, solver) - exact).mean() for solver in (AdamsBashforth(), modeling.Euler()))
    assert own < 0.8 * euler


def test_the_example_runs_as_a_script_of_forty_lines_at_most(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.own_solver", str(tmp_path / "cat.mp4")]

    subprocess.run(command, cwd=ROOT, check=True)

    assert modeling.decode_clip(tmp_path / "cat.mp4", BUCKET).std() > 10
    assert len((ROOT / "examples" / "own_solver.py").read_text().splitlines()) <= 40
