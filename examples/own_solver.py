"""A solver of one's own: Adams and Bashforth's method of two steps, of second order at one call of the model a step.

python -m examples.own_solver cat.mp4
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from torch import Tensor

import modeling
from dataset_schema import Bucket

MODEL = Path(__file__).parents[1] / "models" / "small_world"


class AdamsBashforth(modeling.Solver):
    """Draws a line through the last two velocities; what it remembers are local variables."""

    def follow(self, velocity: modeling.Velocity, noise: Tensor, timesteps: Sequence[float]) -> Iterator[Tensor]:
        """The latents after each step."""
        latents, last = noise, None
        for timestep, following in pairwise(timesteps):
            step, slope = following - timestep, velocity(latents, timestep)
            ahead = slope if last is None else slope + step / last[0] / 2 * (slope - last[1])
            latents, last = latents + step * ahead, (step, slope)
            yield latents


if __name__ == "__main__":
    pipeline = modeling.Pipeline.from_pretrained(MODEL)
    sampling = modeling.SamplingConfig(bucket=Bucket(9, 48, 96), steps=12, text_scale=0.5, solver=AdamsBashforth())
    video = pipeline("A cat moves left on the beach.", references={"cat": MODEL / "cat.png"}, sampling=sampling)
    modeling.write_video(Path(sys.argv[1]), video)
