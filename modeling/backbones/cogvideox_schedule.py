"""Between CogVideoX's noise and this library's flow, exactly.

CogVideoX was trained on `z = a data + b noise` with a² + b² = 1, at 1,000 steps from nearly no noise to nothing else,
and predicts `v = a noise - b data` (Salimans and Ho 2022). Latents of the flow are `x = (1 - t) data + t noise`. Where
both have as much noise, `(1 - t) / t = a / b`, they differ by a factor alone:

    x = s z,   s = 1 / (a + b) = sqrt((1 - t)² + t²),   noise - data = ((2 t - 1) z + v) / s

The last step has no data in it (Lin et al. 2024): there t is 1, s is 1, and all of it holds.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

# Those of every CogVideoX, as diffusers' schedulers name them; `snr_shift_scale` is what sizes differ in.
_STEPS, _FIRST_BETA, _LAST_BETA = 1000, 0.00085, 0.012
SCHEDULE: Final = {
    "num_train_timesteps": _STEPS,
    "beta_start": _FIRST_BETA,
    "beta_end": _LAST_BETA,
    "beta_schedule": "scaled_linear",
    "trained_betas": None,
}
PREDICTION: Final = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}

Latents = Float[Tensor, "batch channels time height width"]


class CogVideoXSchedule:
    """CogVideoX's steps as timesteps of the flow, and the way there and back.

    Our choice: between two of its steps the model is told a step between them, as far as the timestep lies between
    theirs. Rounded to whole steps the velocity would jump, which solvers that look back or ahead do not expect; and the
    sinusoids that a step becomes are as smooth between whole numbers. Below the first step's timestep it is told the
    first: it knows no less noise.

    Args:
        snr_shift_scale: by how much its steps have less signal, 3 for the 2B and 1 for the 5B.

    Attributes:
        timesteps: of its steps, rising to exactly 1.
    """

    def __init__(self, *, snr_shift_scale: float) -> None:
        with torch.device("cpu"):
            betas = torch.linspace(_FIRST_BETA**0.5, _LAST_BETA**0.5, _STEPS, dtype=torch.float64) ** 2
            kept = torch.cumprod(1 - betas, dim=0)
            signal = (kept / (snr_shift_scale + (1 - snr_shift_scale) * kept)).sqrt()
            signal = (signal - signal[-1]) * (signal[0] / (signal[0] - signal[-1]))
            noise = (1 - signal**2).sqrt()
            self.timesteps: Float[Tensor, " steps"] = noise / (signal + noise)

    def steps(self, timesteps: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """CogVideoX's step with as much noise; a whole number at each of its own."""
        known = self.timesteps.to(timesteps)
        below = (torch.searchsorted(known, timesteps, right=True) - 1).clamp(0, len(known) - 2)
        first, second = known[below], known[below + 1]
        return below + ((timesteps - first) / (second - first)).clamp(0, 1)

    @staticmethod
    def to_published(latents: Latents, timesteps: Float[Tensor, " batch"]) -> Latents:
        """Latents of the flow as CogVideoX has them."""
        return latents / _scale(_of_clips(timesteps))

    @staticmethod
    def velocity(predicted: Latents, published: Latents, timesteps: Float[Tensor, " batch"]) -> Latents:
        """What CogVideoX predicts of its latents, as the velocity of the flow."""
        each = _of_clips(timesteps)
        return ((2 * each - 1) * published + predicted) / _scale(each)


def _of_clips(timesteps: Float[Tensor, " batch"]) -> Float[Tensor, "batch 1 1 1 1"]:
    return timesteps[:, None, None, None, None]


def _scale(timesteps: Tensor) -> Tensor:
    return ((1 - timesteps) ** 2 + timesteps**2).sqrt()
