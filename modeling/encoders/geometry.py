"""How an autoencoder divides a clip into latents, and the model those into tokens."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from dataset_schema import Bucket
from modeling.encoders.protocols import FRAMES_PER_LATENT, LATENT_CHANNELS, PIXELS_PER_LATENT
from storage.configs import strict
from storage.numbers import expect_at_least

# Latents of a patch, which becomes one token: 1x2x2 (Table 5).
_PATCH: Final = 2


class LatentShape(NamedTuple):
    """The latent grid of a clip."""

    time: int
    height: int
    width: int


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LatentGeometry:
    """What one latent stands for; the defaults are the paper's, 16 channels and 4x8x8 (B.1, Table 5).

    Attributes:
        channels: of a latent.
        frames: that a latent stands for; the first frame stands alone, so k `frames` + 1 of them become k + 1 latents.
        pixels: of its height, and of its width.
    """

    channels: int = LATENT_CHANNELS
    frames: int = FRAMES_PER_LATENT
    pixels: int = PIXELS_PER_LATENT

    def __post_init__(self) -> None:
        expect_at_least(1, "latents", self, "channels", "frames", "pixels")

    def shape(self, bucket: Bucket) -> LatentShape:
        """The grid that a clip of this size has.

        Raises:
            ValueError: no whole number of latents and patches makes it up.
        """
        side = self.pixels * _PATCH
        if bucket.frames % self.frames != 1 % self.frames or bucket.height % side or bucket.width % side:
            raise ValueError(
                f"bucket {bucket} does not fit latents of {self.frames}x{self.pixels}x{self.pixels}: expected "
                f"{self.frames}k + 1 frames and sides that are multiples of {side}; name other buckets (data.buckets)"
            )
        return LatentShape(
            (bucket.frames - 1) // self.frames + 1, bucket.height // self.pixels, bucket.width // self.pixels
        )

    def tokens(self, bucket: Bucket) -> int:
        """Of one clip of this size."""
        time, height, width = self.shape(bucket)
        return time * (height // _PATCH) * (width // _PATCH)
