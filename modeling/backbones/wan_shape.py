"""The shape of Wan text-to-video with personalization layers, and what a call of it costs."""

from dataclasses import dataclass

from modeling.model.backbone import BackboneConfig
from modeling.model.costs import PATCH_AREA, Flops, Workload, flops_of
from modeling.model.parts import Part
from storage.configs import strict
from storage.numbers import expect_at_least


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WanShape(BackboneConfig):
    """The defaults are those of the 1.3B; the 14B has width 5120, 40 blocks, 40 heads and an MLP of 13824.

    Attributes:
        width: latent token channels.
        mlp_width: channels inside the MLP.
        timestep_channels: of the sinusoids of a timestep.
        text_tokens: to how many tokens every text is filled up, with zeros that are not masked, as in its training.
        null_text: what it reads where the text is dropped, in training and in guidance. Our choice: the empty text, as
            diffusers' `WanPipeline` has it where no negative prompt is given.
        image_channels: of a token of a reference image.
        max_images: reference images of a clip; more are an error.
        words_per_image: K, the caption tokens bound to each image. Our choice: 3, as Figure 3 draws it.
        binds_words: as `DiTConfig.binds_words`.
        boundary: the timestep from which on one network predicts, and below it another, each with layers of its own:
            Wan 2.2's A14B, which has the shape of the 14B and the boundary 0.875. None has one for all timesteps.
        every_nth_block: only so many blocks have a personalization layer, the first among them. Our choice: every one,
            as in the paper; every second halves what is trained.
    """

    width: int = 1536
    blocks: int = 30
    heads: int = 12
    mlp_width: int = 8960
    timestep_channels: int = 256
    latent_channels: int = 16
    text_channels: int = 4096
    text_tokens: int = 512
    null_text: str = ""
    image_channels: int = 1024
    max_images: int = 6
    words_per_image: int = 3
    binds_words: bool = True
    every_nth_block: int = 1
    boundary: float | None = None

    def __post_init__(self) -> None:
        sizes = ("width", "blocks", "heads", "mlp_width", "timestep_channels", "latent_channels", "text_channels")
        expect_at_least(1, "model", self, *sizes, "text_tokens", "image_channels", "max_images", "words_per_image")
        expect_at_least(1, "model", self, "every_nth_block")
        if self.boundary is not None and not 0 < self.boundary < 1:
            raise ValueError(f"model has boundary {self.boundary}, expected a timestep between 0 and 1")
        if self.width % self.heads or self.head_channels % 2:
            raise ValueError(
                f"model has width {self.width} and {self.heads} heads, expected head channels that are a multiple of 2"
            )

    @property
    def head_channels(self) -> int:
        """Channels of one attention head."""
        return self.width // self.heads

    @property
    def fps(self) -> float:
        """As Wan 2.1 was trained, and 2.2's A14B."""
        return 16.0

    @property
    def divides_clips(self) -> bool:
        """It does."""
        return True

    @property
    def compiles_blocks(self) -> bool:
        """They do."""
        return True

    @property
    def lora_layers(self) -> tuple[str, ...]:
        """Of the published layers, all projections of attentions and MLPs; the new layers are trained themselves."""
        return ("to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2")

    @property
    def timestep_ranges(self) -> tuple[tuple[float, float], ...]:
        """Of its networks."""
        return ((0.0, 1.0),) if self.boundary is None else ((0.0, self.boundary), (self.boundary, 1.0))

    def is_personalized(self, block: int) -> bool:
        """Whether the block of this number has a personalization layer."""
        return block % self.every_nth_block == 0

    def forward_flops(self, workload: Workload) -> Flops:
        """The operations of one forward pass; a multiplication and its addition count as two."""
        tokens, text, images, width = workload.tokens, self.text_tokens, workload.image_tokens, self.width
        personalized = sum(map(self.is_personalized, range(self.blocks))) if images else 0
        bound_channels = self.image_channels + self.words_per_image * self.text_channels
        return flops_of(
            workload,
            products={
                Part.PATCH_EMBEDDING: tokens * PATCH_AREA * self.latent_channels * width,
                Part.SELF_ATTENTION: self.blocks * tokens * 4 * width**2,
                Part.TEXT_ATTENTION: self.blocks * (tokens + text) * 2 * width**2
                + text * (self.text_channels + width) * width,
                Part.PERSONALIZATION: personalized * (tokens * width + images * self.image_channels) * 2 * width,
                Part.MLP: self.blocks * tokens * 2 * self.mlp_width * width,
                Part.MODULATION: 6 * width**2,
                Part.BINDING: images * bound_channels * self.image_channels,
                Part.REST: (self.timestep_channels + width + tokens * PATCH_AREA * self.latent_channels) * width,
            },
            scores={
                Part.SELF_ATTENTION: self.blocks * tokens * tokens * width,
                Part.TEXT_ATTENTION: self.blocks * tokens * text * width,
                Part.PERSONALIZATION: personalized * tokens * images * width,
            },
        )
