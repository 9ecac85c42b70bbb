"""The sizes that clips are trained at (Table 6): frames x height x width, at a fixed 24 frames per second (B.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

FRAMES_PER_SECOND = 24.0

# How much shorter than its bucket a clip may be and still count as long enough: container durations are rounded.
_FRAME_TOLERANCE = 0.5


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """One training size, ordered (frames, height, width).

    Raises:
        ValueError: the autoencoder's geometry does not fit: frames must be 4k + 1, height and width multiples of 16
            (4x8x8 latents, 1x2x2 patches; B.1, Table 5).
    """

    frames: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.frames < 1 or self.frames % 4 != 1:
            raise ValueError(f"bucket has {self.frames} frames, expected 4k + 1 (5, 9, 13, 17, ...)")
        for side, pixels in (("height", self.height), ("width", self.width)):
            if pixels < 16 or pixels % 16:
                raise ValueError(f"bucket has {side} {pixels}, expected a positive multiple of 16")

    def __str__(self) -> str:
        return f"{self.frames}x{self.height}x{self.width}"

    @property
    def least_duration_s(self) -> float:
        """How long a clip must be to fill it."""
        return self.least_duration_at(FRAMES_PER_SECOND)

    def least_duration_at(self, fps: float) -> float:
        """How long a clip must be to fill it at another pace, in seconds."""
        return (self.frames - _FRAME_TOLERANCE) / fps

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `frames x height x width` as `str(bucket)` writes it, for example `17x144x256`."""
        parts = text.split("x")
        if len(parts) != 3 or not all(part.isdecimal() for part in parts):
            raise ValueError(f"bucket is {text!r}, expected FRAMESxHEIGHTxWIDTH such as 17x144x256")
        return cls(*(int(part) for part in parts))


TABLE_6_BUCKETS: tuple[Bucket, ...] = (
    *(Bucket(frames, 144, 256) for frames in (17, 49, 73, 97, 121, 145, 193, 289)),
    *(Bucket(frames, 288, 512) for frames in (17, 49, 73, 97, 121)),
    *(Bucket(frames, 576, 1024) for frames in (17, 49, 73, 97, 121)),
)


def shortest_duration_s(buckets: Sequence[Bucket]) -> float:
    """How long a clip must be to fill one of the buckets, whatever its size."""
    return min(bucket.least_duration_s for bucket in buckets)


def largest_bucket(buckets: Sequence[Bucket], *, duration_s: float, height: int, width: int) -> Bucket | None:
    """The bucket with the most pixels, then the most frames, that a clip fills without upscaling or repeating frames.

    Returns None when the clip is too short or too small for every bucket.
    """
    fitting = [b for b in buckets if b.least_duration_s <= duration_s and b.height <= height and b.width <= width]
    return max(fitting, key=lambda b: (b.height * b.width, b.frames), default=None)
