"""The shape of CogVideoX text-to-video with personalization layers, and what a call of it costs."""

from dataclasses import dataclass

from modeling.backbones.personalized_shape import PersonalizedShape
from modeling.model.costs import PATCH_AREA, Flops, Workload, flops_of
from modeling.model.parts import Part
from storage.configs import strict
from storage.numbers import expect_positive


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CogVideoXShape(PersonalizedShape):
    """The defaults are those of the 2B; the 5B has width 3072, 42 blocks, 48 heads, is rotary, and shifts by 1.

    Attributes:
        width: latent token channels.
        timestep_channels: of the embedded timestep.
        is_rotary: whether tokens know their place by rotary embeddings, as in the 5B, or by added sinusoids.
        snr_shift_scale: by how much its noise schedule has less signal.
        text_tokens: to how many tokens every text is filled up. T5's padding is among them and counts, as in its
            training.
    """

    width: int = 1920
    blocks: int = 30
    heads: int = 30
    timestep_channels: int = 512
    latent_channels: int = 16
    is_rotary: bool = False
    snr_shift_scale: float = 3.0
    text_tokens: int = 226

    def __post_init__(self) -> None:
        self.expect_sizes("timestep_channels", multiple=16)
        expect_positive("model", self, "snr_shift_scale")

    @property
    def mlp_width(self) -> int:
        """Channels inside the MLP of a block."""
        return 4 * self.width

    @property
    def fps(self) -> float:
        """As CogVideoX was trained."""
        return 8.0

    @property
    def needs_whole_texts(self) -> bool:
        """T5's padding is among what it reads."""
        return True

    def forward_flops(self, workload: Workload) -> Flops:
        """The operations of one forward pass; text runs through every block beside the video."""
        tokens, text, width = workload.tokens, self.text_tokens, self.width
        both = tokens + text
        return flops_of(
            workload,
            products={
                Part.PATCH_EMBEDDING: tokens * PATCH_AREA * self.latent_channels * width,
                Part.SELF_ATTENTION: self.blocks * both * 4 * width**2,
                Part.TEXT_ATTENTION: text * self.text_channels * width,
                **self.new_products(workload),
                Part.MLP: self.blocks * both * 2 * self.mlp_width * width,
                Part.MODULATION: self.blocks * 12 * self.timestep_channels * width,
                Part.REST: (3 * width + self.timestep_channels) * self.timestep_channels
                + tokens * PATCH_AREA * self.latent_channels * width,
            },
            scores={
                Part.SELF_ATTENTION: self.blocks * both * both * width,
                **self.new_scores(workload),
            },
        )
