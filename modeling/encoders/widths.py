"""The sizes that every profile of encoders states, and what follows from them."""

from dataclasses import dataclass

from modeling.encoders.geometry import LatentGeometry
from storage.numbers import expect_at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderWidths:
    """Sizes of text tokens and of patch tokens, by default the paper's (Table 5), and latents of its geometry.

    Attributes:
        text_channels: of a text token.
        max_text_tokens: tokens of a caption that are read. Our choice: 256; the paper is silent.
        image_channels: of a patch token.
        image_side: pixels of the square that a reference image becomes.
        patch_side: pixels of one patch.
    """

    text_channels: int = 1024
    max_text_tokens: int = 256
    image_channels: int = 1024
    image_side: int = 224
    patch_side: int = 14

    def __post_init__(self) -> None:
        sizes = ("text_channels", "max_text_tokens", "image_channels", "image_side", "patch_side")
        expect_at_least(1, "encoders", self, *sizes)
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
