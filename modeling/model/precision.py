"""Which numbers the model computes in: bfloat16 for the large products if asked, float32 by name where it matters.

Float32 stay: the weights that the optimizer changes, the timestep and its modulation, the statistics of every norm,
rotary angles, the residual stream, the predicted velocity and the loss.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional


class Precision(StrEnum):
    """What matrix products and attention are computed in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def computing_in(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Within it, matrix products and attention are computed in this precision; weights stay as they are."""
    if precision is Precision.FLOAT32:
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def shrink_matrices(model: nn.Module, is_chosen: Callable[[str], bool]) -> None:
    """Make some weights bfloat16, of those that `computing_in` rounds to it in every product, so that none changes.

    Args:
        model: may be without memory.
        is_chosen: by the name of a weight.
    """
    for name, module in model.named_modules():
        if type(module) is nn.Linear:  # not one that is computed in float32
            for inner, weight in module.named_parameters(recurse=False):
                if is_chosen(f"{name}.{inner}"):
                    weight.data = weight.data.to(torch.bfloat16)


class Float32Linear(nn.Linear):
    """A linear layer that is computed in float32, whatever the precision around it and of its weights."""

    def forward(self, values: Tensor) -> Tensor:  # noqa: D102  # torch's own meaning
        bias = None if self.bias is None else self.bias.float()
        with as_written(values.device):
            return functional.linear(values.float(), self.weight.float(), bias)


class Float32LayerNorm(nn.LayerNorm):
    """A layer norm that takes and returns float32."""

    def forward(self, values: Tensor) -> Tensor:  # noqa: D102
        weight = None if self.weight is None else self.weight.float()
        bias = None if self.bias is None else self.bias.float()
        return functional.layer_norm(values.float(), self.normalized_shape, weight, bias, self.eps)


class Float32RMSNorm(nn.RMSNorm):
    """A root-mean-square norm that takes and returns float32."""

    def forward(self, values: Tensor) -> Tensor:  # noqa: D102
        return functional.rms_norm(values.float(), self.normalized_shape, self.weight.float(), self.eps)


def as_written(device: torch.device) -> AbstractContextManager[object]:
    """Within it, products are computed in the precision of their factors."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
