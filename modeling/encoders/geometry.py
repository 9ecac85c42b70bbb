"""How an autoencoder divides a clip into latents, and the model those into tokens."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import UInt8
from torch import Tensor

from dataset_schema import Bucket
from modeling.encoders.protocols import FRAMES_PER_LATENT, LATENT_CHANNELS, PIXELS_PER_LATENT
from storage.configs import strict
from storage.numbers import expect_at_least


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
        patch: latents of the height, and of the width, of what becomes one token: 1x2x2 in the paper's model (Table 5).
    """

    channels: int = LATENT_CHANNELS
    frames: int = FRAMES_PER_LATENT
    pixels: int = PIXELS_PER_LATENT
    patch: int = 2

    def __post_init__(self) -> None:
        expect_at_least(1, "latents", self, "channels", "frames", "pixels", "patch")

    def shape(self, bucket: Bucket) -> LatentShape:
        """The grid that a clip of this size has.

        Raises:
            ValueError: no whole number of latents and patches makes it up.
        """
        side = self.pixels * self.patch
        if bucket.frames % self.frames != 1 % self.frames or bucket.height % side or bucket.width % side:
            raise ValueError(
                f"bucket {bucket} does not fit latents of {self.frames}x{self.pixels}x{self.pixels}: expected "
                f"{self.frames}k + 1 frames and sides that are multiples of {side}; name other buckets (data.buckets)"
            )
        return LatentShape(
            (bucket.frames - 1) // self.frames + 1, bucket.height // self.pixels, bucket.width // self.pixels
        )

    def check_video(self, videos: UInt8[Tensor, "batch frames height width 3"]) -> None:
        """Raise a ValueError unless whole latents make up the clips."""
        _, frames, height, width, _ = videos.shape
        if frames % self.frames != 1 % self.frames or height % self.pixels or width % self.pixels:
            raise ValueError(
                f"video is {frames}x{height}x{width}, expected {self.frames}k + 1 frames and sides that are multiples "
                f"of {self.pixels}"
            )

    def tokens(self, bucket: Bucket) -> int:
        """Of one clip of this size."""
        time, height, width = self.shape(bucket)
        return time * (height // self.patch) * (width // self.patch)
