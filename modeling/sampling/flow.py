"""Rectified flow (3.2, B.3): mathematics without a model.

Timestep 1 is noise and 0 is data; the velocity is noise minus data.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor

from dataset_schema import Bucket
from modeling.sampling.solvers import Solver, Velocity
from storage.configs import strict
from storage.numbers import expect_positive

# Where the shift is 1: the smallest resolution of Table 6.
_REFERENCE_PIXELS = 144 * 256


class TimestepDistribution(StrEnum):
    """How training timesteps are drawn, before the shift."""

    UNIFORM = "uniform"
    LOGIT_NORMAL = "logit_normal"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConfig:
    """How timesteps are spread, in training and in sampling alike.

    Attributes:
        distribution: Our choice: the logistic of a standard normal, which the authors' sibling model uses; the paper
            is silent.
        base_shift: the time shift at 256x144. Our choice: 1, no shift there.
    """

    distribution: TimestepDistribution = TimestepDistribution.LOGIT_NORMAL
    base_shift: float = 1.0

    def __post_init__(self) -> None:
        expect_positive("flow", self, "base_shift")

    def shift(self, bucket: Bucket) -> float:
        """The time shift of a resolution (B.3).

        Our choice: the square root of the pixels of a frame, as the cited method has it, so 1, 2, 4 for the three
        resolutions of Table 6. The number of frames does not count; the paper gives no constant.
        """
        return self.base_shift * math.sqrt(bucket.height * bucket.width / _REFERENCE_PIXELS)


def noisy_latents(data: Tensor, noise: Tensor, timesteps: Float[Tensor, " batch"]) -> Tensor:
    """The point at each timestep on the straight line from data (0) to noise (1)."""
    weight = timesteps.view(-1, *[1] * (data.ndim - 1))
    return (1 - weight) * data + weight * noise


def data_estimate(latents: Tensor, velocity: Tensor, timesteps: Float[Tensor, " batch"]) -> Tensor:
    """The data that a velocity points to from noisy latents."""
    return latents - timesteps.view(-1, *[1] * (latents.ndim - 1)) * velocity


def shift_timesteps(timesteps: Tensor, shift: float) -> Tensor:
    """Move timesteps towards noise, `s t / (1 + (s - 1) t)`: 0 and 1 stay, and shifts multiply (B.3)."""
    return shift * timesteps / (1 + (shift - 1) * timesteps)


def draw_timesteps(
    distribution: TimestepDistribution, *, shift: float, count: int, generator: torch.Generator
) -> Float[Tensor, " count"]:
    """Training timesteps."""
    if distribution is TimestepDistribution.UNIFORM:
        timesteps = torch.rand(count, generator=generator)
    else:
        timesteps = torch.randn(count, generator=generator).sigmoid()
    return shift_timesteps(timesteps, shift)


def timestep_schedule(steps: int, *, shift: float) -> Float[Tensor, " timesteps"]:
    """The `steps` + 1 timesteps of a sampling run, from 1 to exactly 0."""
    return shift_timesteps(torch.linspace(1, 0, steps + 1, dtype=torch.float64), shift)


def integrate(
    velocity: Velocity,
    noise: Tensor,
    schedule: Float[Tensor, " timesteps"],
    *,
    solver: Solver,
    on_step: Callable[[], object] = lambda: None,
) -> Tensor:
    """Follow the velocity from noise to data.

    Args:
        velocity: of latents at a timestep.
        noise: where the path begins.
        schedule: timesteps, falling.
        solver: how.
        on_step: called after every step.
    """
    latents = noise
    for reached in solver.follow(velocity, noise, schedule.tolist()):
        latents = reached
        on_step()
    return latents
