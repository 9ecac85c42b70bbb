"""Averaged weights."""

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential moving average of a model's weights, in float32.

    The decay warms up, min(decay, (1 + n) / (10 + n)) after n updates, so that the average forgets the weights it
    started from; a new training stage starts again at n = 0.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self.weights = {name: weight.detach().float().clone() for name, weight in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, updates: int) -> None:
        """Move towards the model's weights, after `updates` earlier moves in this training stage."""
        share = 1 - min(self._decay, (1 + updates) / (10 + updates))
        for name, weight in model.state_dict().items():
            self.weights[name].lerp_(weight.float(), share)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take over saved averages."""
        for name, weight in weights.items():
            self.weights[name].copy_(weight)
