"""The `embedded` profile: encoders without weights, so that the whole path runs on a laptop."""

from dataclasses import dataclass
from typing import Literal

from modeling.encoders.cosine_patches import CosinePatches
from modeling.encoders.dct_codec import DctCodec
from modeling.encoders.hashed_words import HashedWords
from modeling.encoders.protocols import Encoders
from modeling.encoders.widths import EncoderWidths
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedEncoders(EncoderWidths):
    """Builds the embedded encoders, by default at the widths of the paper's (Table 5); text tokens are words."""

    profile: Literal["embedded"] = "embedded"

    def __post_init__(self) -> None:
        EncoderWidths.__post_init__(self)
        if self.text_channels % 8 or self.image_channels % 4:
            raise ValueError(
                f"encoders have {self.text_channels} text and {self.image_channels} image channels, expected multiples "
                "of 8 and 4"
            )

    def build(self) -> Encoders:
        """The three encoders."""
        return Encoders(
            autoencoder=DctCodec(),
            text=HashedWords(channels=self.text_channels, max_tokens=self.max_text_tokens),
            image=CosinePatches(channels=self.image_channels, image_side=self.image_side, patch_side=self.patch_side),
        )
