"""Activations of a block are kept for the backward pass, or computed once more in it, which takes less memory."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.utils.checkpoint import checkpoint

Result = TypeVar("Result")


def computed(forward: Callable[..., Result], *inputs: Any, recomputes: bool) -> Result:
    """What `forward` makes of the inputs; with gradients, `recomputes` says that its activations are not kept."""
    if recomputes and torch.is_grad_enabled():
        result: Result = checkpoint(forward, *inputs, use_reentrant=False)
        return result
    return forward(*inputs)
