"""Averaged weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


class WeightAverage:
    """An exponential moving average of a model's weights, in float32, sharded as they are.

    The decay warms up, min(decay, (1 + n) / (10 + n)) after n updates, so that the average forgets the weights it
    started from; a new training phase starts again at n = 0.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self.weights = {name: weight.detach().float().clone() for name, weight in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, updates: int) -> None:
        """Move towards the model's weights, after `updates` earlier moves in this training phase."""
        share = 1 - min(self._decay, (1 + updates) / (10 + updates))
        for name, weight in model.named_parameters():
            own_part(self.weights[name]).lerp_(own_part(weight).float(), share)

    @contextmanager
    def in_place_of_weights(self, model: nn.Module) -> Iterator[None]:
        """Within it, the model has the averaged weights."""
        kept = {name: own_part(weight).clone() for name, weight in model.named_parameters()}
        for name, weight in model.named_parameters():
            own_part(weight).copy_(own_part(self.weights[name]))
        try:
            yield
        finally:
            for name, weight in model.named_parameters():
                own_part(weight).copy_(kept[name])


def own_part(weight: Tensor) -> Tensor:
    """What this process holds of a weight, a shard of it or all; changing it changes the weight."""
    part = weight.detach()
    return part.to_local() if isinstance(part, DTensor) else part
