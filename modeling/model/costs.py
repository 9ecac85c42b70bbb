"""What a call of a model costs in floating-point operations; how many, each model's config says of itself.

`training/memory.py` says what training occupies, `training/run_costs.py` what both come to for every bucket of a run.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jaxtyping import Float
from torch import Tensor

from modeling.model.conditions import Conditions
from modeling.model.parts import Part, Trainable

# Latents of a patch of 1x2x2, the paper's.
PATCH_AREA: Final = 4

# bfloat16, dense, from NVIDIA's data sheets (half of the figures "with sparsity"). The first name that occurs counts.
_PEAK_FLOPS_PER_S = (
    ("B200", 2250e12),
    ("H200 NVL", 835e12),
    ("H200", 989e12),
    ("H100 NVL", 835e12),
    ("H100 PCIe", 756e12),
    ("H100", 989e12),
    ("A100", 312e12),
    ("L40S", 362e12),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What one call of the model computes.

    Attributes:
        tokens: latent tokens of a clip.
        text_tokens: of its caption, with padding.
        image_tokens: of all its reference images together, with padding; without any the personalization layers are
            skipped.
    """

    clips: int
    tokens: int
    text_tokens: int
    image_tokens: int


def workload_of(
    latents: Float[Tensor, "batch channels time height width"], conditions: Conditions, *, patch: int = 2
) -> Workload:
    """The workload of a call with these arguments, by a model of patches of so many latents a side."""
    references = conditions.references
    return Workload(
        clips=len(latents),
        tokens=math.prod(latents.shape[2:]) // patch**2,
        text_tokens=conditions.text.shape[1],
        image_tokens=0 if references is None else math.prod(references.image_tokens.shape[1:3]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flops:
    """Floating-point operations of one forward pass: matrix products and attention scores, nothing else.

    Attributes:
        products: with the weights of each part.
        scores: queries with keys and weights with values, of each attention.
    """

    products: Mapping[Part, int]
    scores: Mapping[Part, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.products.values()) + sum(self.scores.values())

    @property
    def attention_share(self) -> float:
        """The share of the scores of self-attention: what grows with the square of the tokens."""
        return self.scores[Part.SELF_ATTENTION] / self.total


def flops_of(workload: Workload, *, products: Mapping[Part, int], scores: Mapping[Part, int]) -> Flops:
    """Of a forward pass of a workload.

    Args:
        workload: whose clips are counted here.
        products: multiplications with the weights of each part, for one clip; each has an addition.
        scores: the same of queries with keys, of each attention; as many come with the values.
    """
    return Flops(
        products={part: 2 * workload.clips * count for part, count in products.items()},
        scores={part: 4 * workload.clips * count for part, count in scores.items()},
    )


def model_flops(forward: Flops, *, trainable: Trainable, estimates: float) -> float:
    """The operations that a training step needs, as utilization counts them.

    The forward pass, the gradient of every activation (as much again), that of every trained weight, and twice the
    forward scores for attention: three times the forward pass where all weights are trained.

    Args:
        forward: of one forward pass.
        trainable: the weights whose gradient is computed.
        estimates: forward passes for self-conditioning: 0 or 1 for one step, its probability for the mean of many.
    """
    trained = sum(count for part, count in forward.products.items() if part.is_trained(trainable))
    return (2 + estimates) * forward.total + trained + sum(forward.scores.values())


def hardware_flops(forward: Flops, *, trainable: Trainable, estimates: float, recomputes: bool) -> float:
    """The operations that a training step does: with recomputed activations, one more forward pass than it needs."""
    return model_flops(forward, trainable=trainable, estimates=estimates) + (forward.total if recomputes else 0)


def peak_flops_per_s(device_name: str) -> float | None:
    """What a device of this name could do at most in bfloat16, without sparsity; None for one that is not listed."""
    return next((peak for name, peak in _PEAK_FLOPS_PER_S if name in device_name), None)
