"""Wan 2.2's A14B: one network for timesteps with much noise and one for those with little, as `WanPipeline` has it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from modeling.backbones.published_network import PublishedConditions
from modeling.backbones.wan_network import WanBackbone
from modeling.backbones.wan_shape import WanShape
from modeling.model.backbone import CachedConditions, VideoBackbone
from modeling.model.conditions import Conditions
from modeling.model.sequence import TokenSequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertConditions:
    """Conditions as the blocks of either network read them."""

    high: PublishedConditions
    low: PublishedConditions

    def of_clips(self, text: slice | None, images: slice | None) -> "ExpertConditions":
        """See `CachedConditions`."""
        return ExpertConditions(high=self.high.of_clips(text, images), low=self.low.of_clips(text, images))


class WanExperts(VideoBackbone):
    """Two networks, each with personalization layers and a binding of its own; the timestep chooses.

    Attributes:
        high: predicts from the boundary on; its weights are named `high.`.
        low: predicts below it; its weights are named `low.`.
    """

    config: WanShape

    def __init__(self, config: WanShape) -> None:
        super().__init__()
        self.config = config
        self.high, self.low = WanBackbone(config), WanBackbone(config)
        self.blocks = nn.ModuleList([*self.high.blocks, *self.low.blocks])

    def forward(
        self,
        latents: Float[Tensor, "batch channels time height width"],
        timesteps: Float[Tensor, " batch"],
        conditions: Conditions | CachedConditions,
        estimate: Float[Tensor, "batch channels time height width"] | None = None,
    ) -> Float[Tensor, "batch channels time height width"]:
        """The velocity, noise minus data. Clips on both sides of the boundary cost twice: training has none."""
        is_high = timesteps.double() >= (self.config.boundary or 0.0)
        high, low = conditions, conditions
        if not isinstance(conditions, Conditions):
            cached = cast("ExpertConditions", conditions)
            high, low = cached.high, cached.low
        if is_high.all():
            return self.high(latents, timesteps, high, estimate)
        if not is_high.any():
            return self.low(latents, timesteps, low, estimate)
        both = self.high(latents, timesteps, high, estimate), self.low(latents, timesteps, low, estimate)
        return torch.where(is_high[:, None, None, None, None], *both)

    def cache(self, conditions: Conditions) -> ExpertConditions:
        """Of both."""
        return ExpertConditions(high=self.high.cache(conditions), low=self.low.cache(conditions))

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """The new layers of both."""
        yield from ((f"high.{name}", part) for name, part in self.high.parts())
        yield from ((f"low.{name}", part) for name, part in self.low.parts())

    def shrink(self, is_chosen: Callable[[str], bool]) -> None:
        """See `WanBackbone`."""
        self.high.shrink(lambda name: is_chosen(f"high.{name}"))
        self.low.shrink(lambda name: is_chosen(f"low.{name}"))

    def halve(self) -> None:
        """See `WanBackbone`."""
        self.high.halve()
        self.low.halve()

    def divide(self, sequence: TokenSequence) -> None:
        """See `VideoBackbone`."""
        self.high.divide(sequence)
        self.low.divide(sequence)
