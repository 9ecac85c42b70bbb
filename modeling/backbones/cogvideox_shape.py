"""The shape of CogVideoX text-to-video with personalization layers, and what a call of it costs."""

from dataclasses import dataclass

from modeling.model.backbone import BackboneConfig
from modeling.model.costs import PATCH_AREA, Flops, Workload, flops_of
from modeling.model.parts import Part
from storage.configs import strict
from storage.numbers import expect_at_least, expect_positive


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CogVideoXShape(BackboneConfig):
    """The defaults are those of the 2B; the 5B has width 3072, 42 blocks, 48 heads, is rotary, and shifts by 1.

    Attributes:
        width: latent token channels.
        timestep_channels: of the embedded timestep.
        is_rotary: whether tokens know their place by rotary embeddings, as in the 5B, or by added sinusoids.
        snr_shift_scale: by how much its noise schedule has less signal.
        text_tokens: to how many tokens every text is filled up. T5's padding is among them and counts, as in its
            training.
        null_text: what it reads where the text is dropped, in training and in guidance; the empty text, as diffusers'
            `CogVideoXPipeline` has it where no negative prompt is given.
        image_channels: of a token of a reference image.
        max_images: reference images of a clip; more are an error.
        words_per_image: K, the caption tokens bound to each image. Our choice: 3, as Figure 3 draws it.
        binds_words: as `DiTConfig.binds_words`.
        every_nth_block: only so many blocks have a personalization layer, the first among them. Our choice: every one,
            as in the paper; every second halves what is trained.
    """

    width: int = 1920
    blocks: int = 30
    heads: int = 30
    timestep_channels: int = 512
    latent_channels: int = 16
    is_rotary: bool = False
    snr_shift_scale: float = 3.0
    text_channels: int = 4096
    text_tokens: int = 226
    null_text: str = ""
    image_channels: int = 1024
    max_images: int = 6
    words_per_image: int = 3
    binds_words: bool = True
    every_nth_block: int = 1

    def __post_init__(self) -> None:
        sizes = ("width", "blocks", "heads", "timestep_channels", "latent_channels", "text_channels", "text_tokens")
        expect_at_least(1, "model", self, *sizes, "image_channels", "max_images", "words_per_image", "every_nth_block")
        expect_positive("model", self, "snr_shift_scale")
        if self.width % self.heads or self.head_channels % 16:
            raise ValueError(
                f"model has width {self.width} and {self.heads} heads, expected head channels that are a multiple of 16"
            )

    @property
    def head_channels(self) -> int:
        """Channels of one attention head."""
        return self.width // self.heads

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

    def is_personalized(self, block: int) -> bool:
        """Whether the block of this number has a personalization layer."""
        return block % self.every_nth_block == 0

    def forward_flops(self, workload: Workload) -> Flops:
        """The operations of one forward pass; text runs through every block beside the video."""
        tokens, text, images, width = workload.tokens, self.text_tokens, workload.image_tokens, self.width
        both = tokens + text
        personalized = sum(map(self.is_personalized, range(self.blocks))) if images else 0
        bound_channels = self.image_channels + self.words_per_image * self.text_channels
        return flops_of(
            workload,
            products={
                Part.PATCH_EMBEDDING: tokens * PATCH_AREA * self.latent_channels * width,
                Part.SELF_ATTENTION: self.blocks * both * 4 * width**2,
                Part.TEXT_ATTENTION: text * self.text_channels * width,
                Part.PERSONALIZATION: personalized * (tokens * width + images * self.image_channels) * 2 * width,
                Part.MLP: self.blocks * both * 2 * self.mlp_width * width,
                Part.MODULATION: self.blocks * 12 * self.timestep_channels * width,
                Part.BINDING: images * bound_channels * self.image_channels,
                Part.REST: (3 * width + self.timestep_channels) * self.timestep_channels
                + tokens * PATCH_AREA * self.latent_channels * width,
            },
            scores={
                Part.SELF_ATTENTION: self.blocks * both * both * width,
                Part.PERSONALIZATION: personalized * tokens * images * width,
            },
        )
