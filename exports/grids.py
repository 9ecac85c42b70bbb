"""How many frames a trainer takes: counts on a grid, at a pace."""

import math
from dataclasses import dataclass

# A rounded duration must not cost the last frame.
_ROUNDING_FRAMES = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameGrid:
    """The frame counts `step * n + offset` within `[least, most]`.

    Attributes:
        fps: frames per second at which they are counted; None counts those of the video itself.

    Raises:
        ValueError: no count lies on it.
    """

    step: int = 1
    offset: int = 0
    least: int = 1
    most: int = 1_000_000
    fps: float | None = None

    def __post_init__(self) -> None:
        if self.step < 1 or self.largest(self.most) is None:
            raise ValueError(f"grid {self} has no frame count, expected at least one")

    def __contains__(self, frames: int) -> bool:
        return self.least <= frames <= self.most and (frames - self.offset) % self.step == 0

    def __str__(self) -> str:
        counts = f"{self.step}n+{self.offset}" if self.step > 1 else "any number of"
        pace = "" if self.fps is None else f" at {self.fps:g} fps"
        return f"{counts} frames{pace}, {self.least} to {self.most}"

    def largest(self, available: int) -> int | None:
        """The largest count on the grid that so many frames hold; None where they hold none."""
        frames = min(available, self.most)
        frames -= (frames - self.offset) % self.step
        return frames if frames >= self.least else None


def frames_on_show(duration_s: float, fps: float) -> int:
    """How many frames a clip has at a pace, by its time: one for each `1 / fps` whose middle lies in it."""
    return math.floor(duration_s * fps + 0.5 + _ROUNDING_FRAMES)
