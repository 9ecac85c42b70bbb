"""The shape of Wan text-to-video with personalization layers, and what a call of it costs."""

from dataclasses import dataclass

from modeling.backbones.personalized_shape import PersonalizedShape
from modeling.model.costs import PATCH_AREA, Flops, Workload, flops_of
from modeling.model.parts import Part
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WanShape(PersonalizedShape):
    """The defaults are those of the 1.3B; the 14B has width 5120, 40 blocks, 40 heads and an MLP of 13824.

    Wan 2.2's TI2V-5B has width 3072, 30 blocks, 24 heads, an MLP of 14336, 48 latent channels, and expands timesteps.

    Attributes:
        width: latent token channels.
        mlp_width: channels inside the MLP.
        timestep_channels: of the sinusoids of a timestep.
        text_tokens: to how many tokens every text is filled up, with zeros that are not masked, as in its training.
        boundary: the timestep from which on one network predicts, and below it another, each with layers of its own:
            Wan 2.2's A14B, which has the shape of the 14B and the boundary 0.875. None has one for all timesteps.
        expands_timesteps: whether every token has a timestep of its own, so that a given first frame can stand there
            without noise: Wan 2.2's TI2V-5B.
    """

    width: int = 1536
    blocks: int = 30
    heads: int = 12
    mlp_width: int = 8960
    timestep_channels: int = 256
    latent_channels: int = 16
    text_tokens: int = 512
    boundary: float | None = None
    expands_timesteps: bool = False

    def __post_init__(self) -> None:
        self.expect_sizes("mlp_width", "timestep_channels", multiple=2)
        if self.boundary is not None and not 0 < self.boundary < 1:
            raise ValueError(f"model has boundary {self.boundary}, expected a timestep between 0 and 1")
        if self.boundary is not None and self.expands_timesteps:
            raise ValueError("model has a boundary and expands_timesteps true, expected one of the two at most")

    @property
    def fps(self) -> float:
        """As Wan 2.1 was trained, and 2.2's A14B; 2.2's TI2V-5B at 24."""
        return 24.0 if self.expands_timesteps else 16.0

    @property
    def reads_clean_first_frames(self) -> bool:
        """Where every token has a timestep."""
        return self.expands_timesteps

    @property
    def divides_clips(self) -> bool:
        """It does."""
        return True

    @property
    def compiles_blocks(self) -> bool:
        """They do."""
        return True

    @property
    def timestep_ranges(self) -> tuple[tuple[float, float], ...]:
        """Of its networks."""
        return ((0.0, 1.0),) if self.boundary is None else ((0.0, self.boundary), (self.boundary, 1.0))

    def forward_flops(self, workload: Workload) -> Flops:
        """The operations of one forward pass; a multiplication and its addition count as two."""
        tokens, text, width = workload.tokens, self.text_tokens, self.width
        timesteps = tokens if self.expands_timesteps else 1
        return flops_of(
            workload,
            products={
                Part.PATCH_EMBEDDING: tokens * PATCH_AREA * self.latent_channels * width,
                Part.SELF_ATTENTION: self.blocks * tokens * 4 * width**2,
                Part.TEXT_ATTENTION: self.blocks * (tokens + text) * 2 * width**2
                + text * (self.text_channels + width) * width,
                **self.new_products(workload),
                Part.MLP: self.blocks * tokens * 2 * self.mlp_width * width,
                Part.MODULATION: timesteps * 6 * width**2,
                Part.REST: timesteps * (self.timestep_channels + width) * width
                + tokens * PATCH_AREA * self.latent_channels * width,
            },
            scores={
                Part.SELF_ATTENTION: self.blocks * tokens * tokens * width,
                Part.TEXT_ATTENTION: self.blocks * tokens * text * width,
                **self.new_scores(workload),
            },
        )
