"""What makes a clip unfit whatever it shows, be it a whole video or one shot of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.records import Frames
from curation.video.shot_division import Division
from dataset_schema import FRAMES_PER_SECOND, Bucket, MediaFacts, Reason, largest_bucket

_BOUNDLESS: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRules:
    """Limits of clips; `DecodeConfig` has them and their reasons.

    Attributes:
        division: how the clip should have been divided; None if it should not.
    """

    buckets: tuple[Bucket, ...]
    min_frames: int
    blank_range: int
    division: Division | None

    def broken(self, stage: str, media: MediaFacts, frames: Frames | None) -> Iterator[Reason]:
        """A reason for each rule that a clip breaks; without `frames`, for those that stored facts can break."""
        checks = {
            "too_short": self._too_short(media),
            "too_short_for_outside_references": frames and self._undivided(media, frames),
            "too_small": self._too_small(media),
            "blank": frames and self._blank(frames),
        }
        return (Reason(stage=stage, reason=code, detail=text) for code, text in checks.items() if text)

    def _too_short(self, media: MediaFacts) -> str | None:
        if media.decoded_frames < self.min_frames:
            return f"{media.decoded_frames} frames, at least {self.min_frames} are needed"
        if self._fills_one(duration_s=media.duration_s, height=_BOUNDLESS, width=_BOUNDLESS):
            return None
        shortest = min(self.buckets).frames
        return (
            f"{media.duration_s:.2f} s long, the shortest bucket has {shortest} frames at {FRAMES_PER_SECOND:g} per "
            "second"
        )

    def _undivided(self, media: MediaFacts, frames: Frames) -> str | None:
        is_divided = any(reference.is_outside for reference in frames.reference_frames)
        if self.division is None or is_divided or media.duration_s >= self.division.shortest_s:
            return None
        return (
            f"{media.duration_s:.2f} s long, at least {self.division.shortest_s:.2f} s are needed for a clip, a gap of "
            f"{self.division.gap_s:g} s and as much again for its references; take them from within the clip instead"
        )

    def _too_small(self, media: MediaFacts) -> str | None:
        if self._fills_one(duration_s=_BOUNDLESS, height=media.height, width=media.width):
            return None
        sizes = ", ".join(dict.fromkeys(f"{bucket.width}x{bucket.height}" for bucket in sorted(self.buckets)))
        return f"{media.width}x{media.height} pixels, no bucket ({sizes}) fits inside"

    def _blank(self, frames: Frames) -> str | None:
        ranges = np.ptp(frames.thumbnails, axis=(1, 2)).max(axis=-1)
        if ranges.max() > self.blank_range:
            return None
        return f"in every frame all pixels are within {ranges.max()} of 255 levels of each other: nothing to see"

    def _fills_one(self, *, duration_s: float, height: int, width: int) -> bool:
        return largest_bucket(self.buckets, duration_s=duration_s, height=height, width=width) is not None
