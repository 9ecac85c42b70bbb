"""How long a video of one bucket takes to be sampled, by Equation 2 with all reference images, in bfloat16."""

from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.gpu.clock import forget, measured
from benchmarks.gpu.inputs import draw_conditions, draw_latents, draw_weights
from dataset_schema import Bucket
from modeling.model.precision import Precision, computing_in
from modeling.model.weights import empty_model
from modeling.sampling.denoising import SamplingConfig, sample_latents, steps_for
from modeling.training.config import RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingFigures:
    """What was measured.

    Attributes:
        step_s: of a denoising step, with its share of what is done once a video.
        steps: the paper's for the bucket.
        peak_bytes: with the weights in bfloat16; None on a CPU.
    """

    bucket: Bucket
    step_s: float
    steps: int
    peak_bytes: int | None

    @property
    def video_s(self) -> float:
        """Of all the paper's steps, without the autoencoder: from what was measured, by multiplication."""
        return self.step_s * self.steps


class SampledModel:
    """A model as `Pipeline.from_pretrained(..., dtype=torch.bfloat16)` has it, with drawn weights."""

    def __init__(self, run: RunConfig, device: torch.device) -> None:
        forget(device)
        self._run, self._device = run, device
        self._model = empty_model(run.pipeline.model).to(torch.bfloat16).to_empty(device=device).eval()
        draw_weights(self._model)

    def measure(self, bucket: Bucket, *, steps: int, rounds: int) -> SamplingFigures:
        """The figures of a video of a bucket, from a few denoising steps."""
        sample = partial(
            sample_latents,
            self._model,
            draw_conditions(self._run, clips=1, device=self._device),
            draw_latents(self._run, bucket, clips=1, device=self._device),
            sampling=SamplingConfig(bucket=bucket, steps=steps),
            flow=self._run.pipeline.flow,
        )
        with computing_in(Precision.BFLOAT16, self._device):
            seconds, peak = measured(sample, self._device, rounds=rounds)
        return SamplingFigures(bucket=bucket, step_s=seconds / steps, steps=steps_for(bucket), peak_bytes=peak)
