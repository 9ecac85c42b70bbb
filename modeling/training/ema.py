"""Averaged weights."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


class WeightAverage:
    """An exponential moving average of the weights that a run trains, in float32, sharded as they are.

    The decay warms up, min(decay, (1 + n) / (10 + n)) after n updates, so that the average forgets the weights it
    started from. Each weight counts its own updates, from where its training began, or began again after a break: a
    phase that trains more weights goes on averaging those that were trained before.

    Args:
        model: whose weights.
        decay: of the average.
        is_trained: by the name of a weight; one that stays as it is would be its own average.
    """

    def __init__(self, model: nn.Module, decay: float, *, is_trained: Callable[[str], bool]) -> None:
        self._decay = decay
        averaged = ((name, weight) for name, weight in model.named_parameters() if is_trained(name))
        self.weights = {name: weight.detach().float().clone() for name, weight in averaged}

    @torch.no_grad()
    def begin(self, model: nn.Module, names: Iterable[str]) -> None:
        """Take some of the model's weights as they are."""
        weights = dict(model.named_parameters())
        for name in names:
            own_part(self.weights[name]).copy_(own_part(weights[name]))

    @torch.no_grad()
    def settle(self, model: nn.Module, names: Iterable[str]) -> None:
        """Give some of the model's weights, which are not trained for a while, their average."""
        weights = dict(model.named_parameters())
        for name in names:
            own_part(weights[name]).copy_(own_part(self.weights[name]))

    @torch.no_grad()
    def update(self, model: nn.Module, updates: Mapping[str, int]) -> None:
        """Move towards the model's weights of these names, each after so many earlier moves."""
        weights = dict(model.named_parameters())
        for name, earlier in updates.items():
            share = 1 - min(self._decay, (1 + earlier) / (10 + earlier))
            own_part(self.weights[name]).lerp_(own_part(weights[name]).float(), share)

    @contextmanager
    def in_place_of_weights(self, model: nn.Module) -> Iterator[None]:
        """Within it, the model has the averaged weights."""
        kept = {name: own_part(weight).clone() for name, weight in self._trained(model)}
        for name, weight in self._trained(model):
            own_part(weight).copy_(own_part(self.weights[name]))
        try:
            yield
        finally:
            for name, weight in self._trained(model):
                own_part(weight).copy_(kept[name])

    def _trained(self, model: nn.Module) -> Iterator[tuple[str, Tensor]]:
        return ((name, weight) for name, weight in model.named_parameters() if name in self.weights)


def own_part(weight: Tensor) -> Tensor:
    """What this process holds of a weight, a shard of it or all; changing it changes the weight."""
    part = weight.detach()
    return part.to_local() if isinstance(part, DTensor) else part
