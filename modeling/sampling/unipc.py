"""The mathematics of UniPC (Zhao et al. 2023, arXiv 2302.04867) on the straight path from data to noise.

At timestep t the latents are `(1 - t) data + t noise`, and half the logarithm of the signal-to-noise ratio is
`λ(t) = log((1 - t) / t)`. In λ a part of the way is solved exactly, and what is left, the data that the velocity points
to, changes slowly: the method draws a curve through its last estimates.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from torch import Tensor

# Our choice: at timestep 1 λ is infinite, so there it is taken a little later, as diffusers does.
_NEAR_NOISE: Final = 1 - 1e-6


class DataEstimate(NamedTuple):
    """The data that the velocity points to from a timestep."""

    timestep: float
    data: Tensor


def reach(
    timestep: float, begun: Tensor, estimates: Sequence[DataEstimate], *, at_end: DataEstimate | None = None
) -> Tensor:
    """The latents at a timestep, by the paper's second choice of `B(h)`, which is `exp(h) - 1`.

    Args:
        timestep: to be reached.
        begun: the latents at the newest of the estimates.
        estimates: the newest first; so many are the order of the step.
        at_end: one of the timestep to be reached, which makes the predictor (UniP) a corrector (UniC).
    """
    newest, *others = estimates
    if at_end is not None:
        others.append(at_end)
    start = _half_log_snr(newest.timestep)
    step = _half_log_snr(timestep) - start
    change = (1 - timestep) * math.expm1(-step)
    ratios = [(_half_log_snr(other.timestep) - start) / step for other in others]
    reached = timestep / newest.timestep * begun - change * newest.data
    for other, ratio, weight in zip(others, ratios, _weights(ratios, step), strict=True):
        reached = reached - change * weight / ratio * (other.data - newest.data)
    return reached


def _weights(ratios: Sequence[float], step: float) -> list[float]:
    """Those of the differences to the newest estimate, which solve the conditions of the order (Theorem 3.1).

    Our choice: one difference has the weight 1/2, which fulfils them up to the order as well and needs no step size.
    """
    if len(ratios) < 2:
        return [0.5] * len(ratios)
    wanted = []
    rest = math.expm1(-step) / -step - 1
    for power in range(1, len(ratios) + 1):
        wanted.append(math.factorial(power) * rest / math.expm1(-step))
        rest = rest / -step - 1 / math.factorial(power + 1)
    powers = np.vander(ratios, increasing=True).T
    weights: list[float] = np.linalg.solve(powers, np.asarray(wanted)).tolist()
    return weights


def _half_log_snr(timestep: float) -> float:
    """λ; infinite at the data."""
    if timestep == 0:
        return math.inf
    timestep = min(timestep, _NEAR_NOISE)
    return math.log((1 - timestep) / timestep)
