"""From noise to latents: how a video is sampled, and the run of the model that does it (B.3)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dataset_schema import Bucket
from modeling.model.backbone import BackboneConfig, VideoBackbone
from modeling.model.conditions import Conditions
from modeling.model.precision import Precision
from modeling.sampling.first_frame import FirstLatents, holding_first, with_first
from modeling.sampling.flow import FlowConfig, integrate, timestep_schedule
from modeling.sampling.guidance import GuidanceForm, GuidedVelocity, guidance_weights
from modeling.sampling.solvers import Euler, Solver
from storage.configs import strict
from storage.numbers import expect_at_least

# What the paper's scores are measured at (Table 1).
_EVALUATED_BUCKET: Final = Bucket(49, 288, 512)

# Denoising steps by pixels of a frame (B.3); larger frames take the last.
_STEPS: Final = ((144 * 256, 256), (288 * 512, 128))
_STEPS_FOR_LARGEST: Final = 64


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class DenoisingConfig:
    """How noise becomes latents; the defaults are those of the paper's evaluation (Table 1, B.3).

    Attributes:
        steps: denoising steps; None takes the paper's number for the resolution.
        text_scale: s_T of the guidance; the paper uses 8, and 0 is none.
        low_noise_text_scale: s_T of the network for timesteps with little noise, where the model has two (Wan 2.2's
            A14B); None is `text_scale`.
        image_scale: s_I of the guidance; the paper uses 3. Larger values copy the reference images.
        guidance: `separate` is the paper's Equation 2; `chained` is Equation 1, which it compares with.
        solver: `euler`; `heun`: more exact for as many steps, at nearly twice the time; `unipc` or `unipc3`: more exact
            at Euler's time, where the velocity changes smoothly. Our choice: Euler; the paper is silent.
        batches_branches: predict the branches of guidance together; turned off, they take turns in less memory.
    """

    steps: int | None = None
    text_scale: float = 8.0
    low_noise_text_scale: float | None = None
    image_scale: float = 3.0
    guidance: GuidanceForm = GuidanceForm.SEPARATE
    solver: Solver = field(default_factory=Euler)
    batches_branches: bool = True

    def __post_init__(self) -> None:
        expect_at_least(1, "sampling", self, "steps")
        for name in ("text_scale", "low_noise_text_scale", "image_scale"):
            scale = getattr(self, name)
            if scale is not None and not 0 <= scale < math.inf:
                raise ValueError(f"sampling has {name} {scale}, expected 0 (no guidance) or more")

    @property
    def is_led_by_text(self) -> bool:
        """Whether any network is asked without its text, too."""
        return any((self.text_scale, self.low_noise_text_scale))

    def expect_networks(self, model: BackboneConfig) -> None:
        """Refuse a scale for a network that the model does not have.

        Raises:
            ValueError: there is one.
        """
        if self.low_noise_text_scale is not None and len(model.timestep_ranges) == 1:
            raise ValueError(
                f"sampling has low_noise_text_scale {self.low_noise_text_scale}, but the model has one network for all "
                "timesteps; leave it out"
            )


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig(DenoisingConfig):
    """How a video is sampled; the defaults are those of the paper's evaluation (Table 1, B.3).

    Attributes:
        bucket: FRAMESxHEIGHTxWIDTH of the video; frames 4k + 1, sides multiples of 16.
        seed: equal seeds give equal videos, another number another video.
        precision: of matrix products and attention. None takes bfloat16 on a GPU, and where the weights are bfloat16
            (`Pipeline.from_pretrained`); otherwise float32, which is faster on most CPUs.
    """

    bucket: Bucket = _EVALUATED_BUCKET
    seed: int = 0
    precision: Precision | None = None


@torch.no_grad()
def sample_latents(  # noqa: PLR0913  # the model's side and the sampler's
    model: VideoBackbone,
    conditions: Conditions,
    noise: Float[Tensor, "batch channels time height width"],
    *,
    sampling: SamplingConfig,
    flow: FlowConfig,
    first: Sequence[FirstLatents | None] = (),
    on_step: Callable[[], object] = lambda: None,
) -> Float[Tensor, "batch channels time height width"]:
    """The latents that the model makes of the noise.

    Args:
        model: in evaluation mode, on the device of the conditions; it may be sharded.
        conditions: of every clip of the batch.
        noise: of every clip, the latents of a video of the size that `sampling` says.
        sampling: how.
        flow: that the model was trained with.
        first: the latents that each clip is to begin with; None, or an empty sequence, leaves them to the model.
        on_step: called after every denoising step.

    Raises:
        ValueError: `sampling` has a scale for a network that the model does not have.
    """
    sampling.expect_networks(model.config)
    bucket = sampling.bucket
    schedule = timestep_schedule(sampling.steps or steps_for(bucket), shift=flow.shift(bucket))
    starts_clean = None
    if model.config.reads_clean_first_frames and any(latents is not None for latents in first):
        starts_clean = torch.tensor([latents is not None for latents in first], device=noise.device)
        noise = with_first(noise, first)
    velocity = _guided(model, conditions, sampling, starts_clean)
    held = holding_first(velocity, noise, first)
    return integrate(held, noise, schedule, solver=sampling.solver, on_step=on_step)


def _guided(
    model: VideoBackbone,
    conditions: Conditions,
    sampling: DenoisingConfig,
    starts_clean: Bool[Tensor, " clips"] | None,
) -> GuidedVelocity:
    low_scale = sampling.text_scale if sampling.low_noise_text_scale is None else sampling.low_noise_text_scale
    high, low = (
        guidance_weights(sampling.guidance, text_scale=scale, image_scale=sampling.image_scale)
        for scale in (sampling.text_scale, low_scale)
    )
    boundary, _ = model.config.timestep_ranges[-1]
    return GuidedVelocity(
        model,
        conditions,
        high,
        starts_clean=starts_clean,
        low_noise=(boundary, low),
        batches_branches=sampling.batches_branches,
    )


def steps_for(bucket: Bucket) -> int:
    """The paper's number of denoising steps for a resolution: 256, 128 or 64 (B.3)."""
    pixels = bucket.height * bucket.width
    return next((steps for most, steps in _STEPS if pixels <= most), _STEPS_FOR_LARGEST)
