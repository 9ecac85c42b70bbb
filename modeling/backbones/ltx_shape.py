"""The shape of LTX-Video text-to-video with personalization layers, and what a call of it costs."""

from dataclasses import dataclass

from modeling.backbones.personalized_shape import PersonalizedShape
from modeling.model.costs import Flops, Workload, flops_of
from modeling.model.parts import Part
from storage.configs import strict

# Sinusoids of a timestep, fixed in diffusers' class.
_TIMESTEP_CHANNELS = 256


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LTXShape(PersonalizedShape):
    """The defaults are those of the 2B.

    Attributes:
        width: latent token channels.
        text_tokens: to how many tokens every text is filled up; what is filled is masked.
    """

    width: int = 2048
    blocks: int = 28
    heads: int = 32
    latent_channels: int = 128
    text_tokens: int = 128

    def __post_init__(self) -> None:
        self.expect_sizes(multiple=2)

    @property
    def mlp_width(self) -> int:
        """Channels inside the MLP of a block."""
        return 4 * self.width

    @property
    def patch(self) -> int:
        """Every latent is a token: one stands for 8x32x32 pixels already."""
        return 1

    @property
    def fps(self) -> float:
        """At which `LTXPipeline` lays out its videos in time, unless it is told otherwise."""
        return 25.0

    def forward_flops(self, workload: Workload) -> Flops:
        """The operations of one forward pass; a multiplication and its addition count as two."""
        tokens, text, width = workload.tokens, self.text_tokens, self.width
        return flops_of(
            workload,
            products={
                Part.PATCH_EMBEDDING: tokens * self.latent_channels * width,
                Part.SELF_ATTENTION: self.blocks * tokens * 4 * width**2,
                Part.TEXT_ATTENTION: self.blocks * (tokens + text) * 2 * width**2
                + text * (self.text_channels + width) * width,
                **self.new_products(workload),
                Part.MLP: self.blocks * tokens * 2 * self.mlp_width * width,
                Part.MODULATION: 6 * width**2,
                Part.REST: (_TIMESTEP_CHANNELS + width + tokens * self.latent_channels) * width,
            },
            scores={
                Part.SELF_ATTENTION: self.blocks * tokens * tokens * width,
                Part.TEXT_ATTENTION: self.blocks * tokens * text * width,
                **self.new_scores(workload),
            },
        )
