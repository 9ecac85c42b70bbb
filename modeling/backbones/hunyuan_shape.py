"""The shape of HunyuanVideo text-to-video with personalization layers, and what a call of it costs."""

from dataclasses import dataclass

from modeling.backbones.personalized_shape import PersonalizedShape
from modeling.model.costs import PATCH_AREA, Flops, Workload, flops_of
from modeling.model.parts import Part
from storage.configs import strict
from storage.numbers import expect_at_least

# Sinusoids of a timestep, fixed in diffusers' class.
_TIMESTEP_CHANNELS = 256


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class HunyuanShape(PersonalizedShape):
    """The defaults are those of the published 13B.

    Attributes:
        width: latent token channels.
        dual_blocks: the first blocks, in which video and text have weights of their own. Only these have
            personalization layers: the others have attention and MLP side by side, with nothing between them.
        single_blocks: the others, in which they share all weights.
        refiner_blocks: of the text alone, before all these.
        text_tokens: to how many tokens every text is filled up; what is filled is masked.
        pooled_channels: of the vector that a whole text also is.
        embedded_guidance: what the model is told as the scale of its guidance, which is distilled into it: in training
            and in sampling. Our choice: 6, the default of its pipeline. None is for a model that is told none.
    """

    width: int = 3072
    dual_blocks: int = 20
    single_blocks: int = 40
    refiner_blocks: int = 2
    heads: int = 24
    latent_channels: int = 16
    text_tokens: int = 256
    pooled_channels: int = 768
    embedded_guidance: float | None = 6.0

    def __post_init__(self) -> None:
        # Of a head's channels an eighth are turned by time, and the others by height and width, in pairs.
        sizes = ("dual_blocks", "single_blocks", "refiner_blocks", "pooled_channels")
        self.expect_sizes(*sizes, multiple=32)
        expect_at_least(0, "model", self, "embedded_guidance")

    @property
    def blocks(self) -> int:
        """Of both kinds."""
        return self.dual_blocks + self.single_blocks

    @property
    def mlp_width(self) -> int:
        """Channels inside the MLP of a block."""
        return 4 * self.width

    @property
    def rotated_channels(self) -> tuple[int, int, int]:
        """Of a head, by time, height and width: 16, 56 and 56 of 128."""
        each = self.head_channels // 16
        return 2 * each, 7 * each, 7 * each

    @property
    def fps(self) -> float:
        """At which its pipeline's videos are shown."""
        return 24.0

    @property
    def lora_layers(self) -> tuple[str, ...]:
        """Of the published layers, all projections of attentions, and the MLPs that stand by themselves."""
        return (*super(HunyuanShape, self).lora_layers, "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")

    def is_personalized(self, block: int) -> bool:
        """Whether the block of this number has a personalization layer."""
        return block < self.dual_blocks and block % self.every_nth_block == 0

    def forward_flops(self, workload: Workload) -> Flops:
        """The operations of one forward pass; text runs through every block beside the video."""
        tokens, text, width = workload.tokens, self.text_tokens, self.width
        both, attentions = tokens + text, 4 * self.dual_blocks + 3 * self.single_blocks
        # An MLP that is fused with what leads out of the attention has that among its products.
        mlps = 8 * self.dual_blocks + 9 * self.single_blocks
        timestep = _TIMESTEP_CHANNELS + width
        refiner = self.refiner_blocks * (text * 12 + 2) * width + text * self.text_channels
        embedders = 2 * timestep if self.embedded_guidance is not None else timestep
        return flops_of(
            workload,
            products={
                Part.PATCH_EMBEDDING: tokens * PATCH_AREA * self.latent_channels * width,
                Part.SELF_ATTENTION: both * attentions * width**2,
                Part.TEXT_ATTENTION: (refiner + timestep + self.text_channels + width) * width,
                **self.new_products(workload),
                Part.MLP: both * mlps * width**2,
                Part.MODULATION: (12 * self.dual_blocks + 3 * self.single_blocks) * width**2,
                Part.REST: (embedders + self.pooled_channels + 3 * width) * width
                + tokens * PATCH_AREA * self.latent_channels * width,
            },
            scores={
                Part.SELF_ATTENTION: self.blocks * both * both * width,
                Part.TEXT_ATTENTION: self.refiner_blocks * text * text * width,
                **self.new_scores(workload),
            },
        )
