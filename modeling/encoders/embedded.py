"""The `embedded` profile: encoders without weights, so that the whole path runs on a laptop."""

from dataclasses import dataclass
from typing import Literal

from modeling.encoders.cosine_patches import CosinePatches
from modeling.encoders.dct_codec import DctCodec
from modeling.encoders.geometry import LatentGeometry
from modeling.encoders.hashed_words import HashedWords
from modeling.encoders.protocols import ENCODER_SIZES, Encoders
from storage.configs import strict
from storage.numbers import expect_at_least


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedEncoders:
    """Builds the embedded encoders, by default at the widths of the paper's (Table 5).

    Attributes:
        text_channels: of a word token.
        max_text_tokens: words of a caption that are read.
        image_channels: of a patch token.
        image_side: pixels of the square that a reference image becomes.
        patch_side: pixels of one patch.
    """

    profile: Literal["embedded"] = "embedded"
    text_channels: int = 1024
    max_text_tokens: int = 256
    image_channels: int = 1024
    image_side: int = 224
    patch_side: int = 14

    def __post_init__(self) -> None:
        expect_at_least(1, "encoders", self, *ENCODER_SIZES)
        if self.text_channels % 8 or self.image_channels % 4:
            raise ValueError(
                f"encoders have {self.text_channels} text and {self.image_channels} image channels, expected multiples "
                "of 8 and 4"
            )
        if self.image_side % self.patch_side:
            raise ValueError(f"image side {self.image_side} is not a multiple of the patch side {self.patch_side}")

    @property
    def image_tokens(self) -> int:
        """Tokens of one reference image."""
        return (self.image_side // self.patch_side) ** 2

    @property
    def latents(self) -> LatentGeometry:
        """16 channels and 4x8x8."""
        return LatentGeometry()

    def build(self) -> Encoders:
        """The three encoders."""
        return Encoders(
            autoencoder=DctCodec(),
            text=HashedWords(channels=self.text_channels, max_tokens=self.max_text_tokens),
            image=CosinePatches(channels=self.image_channels, image_side=self.image_side, patch_side=self.patch_side),
        )
