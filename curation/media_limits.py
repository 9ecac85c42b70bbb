"""What makes a clip unfit whatever it shows, be it a whole video or one shot of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from curation.records import Clip, Frames
from curation.rules import Bound, Facts, Rule
from curation.video.shot_division import Division
from dataset_schema import FRAMES_PER_SECOND, Bucket, shortest_duration_s

FRAME_SCORES: Final = frozenset({"level_range", "reference_frames", "comparison_frames"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Limits of clips; `DecodeConfig` has them and their reasons.

    Attributes:
        max_frame_s: None if nothing should be said about gaps yet.
        division: how the clip should have been divided; None if it should not.
    """

    buckets: tuple[Bucket, ...]
    min_frames: int
    max_frame_s: float | None
    blank_range: int
    division: Division | None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Long and large enough for a bucket, no gaps, and something to see."""
        return (*self._long_enough(), *self._divided(), *self._without_gaps(), self._large_enough(), self._not_blank())

    def _long_enough(self) -> tuple[Rule, Rule]:
        shortest = min(self.buckets).frames
        advice = "give a longer clip, or allow it: --curation.buckets 9x144x256 --curation.decode.min-frames 9"
        return (
            Rule(
                code="too_short",
                reads="decoded_frames",
                bound=Bound.AT_LEAST,
                limit=self.min_frames,
                sentence="{value} frames, at least {limit:g} are needed",
                plain="too short",
                advice=advice,
            ),
            Rule(
                code="too_short",
                reads="duration_s",
                bound=Bound.AT_LEAST,
                limit=shortest_duration_s(self.buckets),
                sentence=f"{{value:.2f}} s long, the shortest bucket has {shortest} frames at {FRAMES_PER_SECOND:g} "
                "per second",
                plain="too short",
                advice=advice,
            ),
        )

    def _divided(self) -> tuple[Rule, ...]:
        if self.division is None:
            return ()
        return (
            Rule(
                code="too_short_for_outside_references",
                reads="duration_s",
                bound=Bound.AT_LEAST,
                limit=self.division.shortest_s,
                sentence="{value:.2f} s long, at least {limit:.2f} s are needed for a clip, a gap of "
                f"{self.division.gap_s:g} s and as much again for its references; take them from within the clip "
                "instead",
                plain="too short for references of another time",
                advice="give a longer clip, or --curation.decode.reference-times within",
                value_of=_duration_of_undivided,
            ),
        )

    def _without_gaps(self) -> tuple[Rule, ...]:
        if self.max_frame_s is None:
            return ()
        return (
            Rule(
                code="gap",
                reads="longest_frame_s",
                bound=Bound.AT_MOST,
                limit=self.max_frame_s,
                sentence="one frame is shown for {value:.2f} s, at most {limit:g} s make a moving picture",
                plain="pictures are missing",
                advice="give a part without the gap, or allow it: --curation.decode.max-frame-s 2",
            ),
        )

    def _large_enough(self) -> Rule:
        sizes = ", ".join(dict.fromkeys(f"{bucket.width}x{bucket.height}" for bucket in sorted(self.buckets)))
        return Rule(
            code="too_small",
            reads="buckets_inside",
            bound=Bound.AT_LEAST,
            limit=1,
            sentence=f"{{width}}x{{height}} pixels, no bucket ({sizes}) fits inside",
            plain="too small",
            advice="give the video in its original size, or a smaller training size: --curation.buckets 17x80x144",
            value_of=partial(_buckets_inside, self.buckets),
        )

    def _not_blank(self) -> Rule:
        return Rule(
            code="blank",
            reads="level_range",
            bound=Bound.ABOVE,
            limit=self.blank_range,
            sentence="in every frame all pixels are within {value:g} of 255 levels of each other: nothing to see",
            plain="nothing to see",
            advice="give a part of the video in which something can be seen",
        )


def with_frame_scores(clip: Clip, frames: Frames) -> Clip:
    """The clip with what its frames say: how much of the range of levels they use, and how many there are."""
    ranges = np.ptp(frames.thumbnails, axis=(1, 2)).max(axis=-1)
    outside = sum(frame.is_outside for frame in frames.reference_frames)
    inside = len(frames.reference_frames) - outside
    return clip.with_scores(
        level_range=float(ranges.max()),
        reference_frames=outside or inside,
        comparison_frames=inside if outside else 0,
    )


def measured_media(clip: Clip) -> str:
    """Size, length, rate and oddities of a clip, in a line for people."""
    media = clip.media
    if media is None:
        return ""
    oddities = {
        "variable frame rate": media.is_vfr,
        f"turned by {media.rotation_deg} degrees": media.rotation_deg,
        "interlaced": media.is_interlaced,
        "damaged": media.damage,
    }
    size = f"{media.width}x{media.height} pixels, {media.decoded_frames} frames in {media.duration_s:.1f} s"
    return ", ".join([size, f"{media.fps:.3g} fps", media.codec, *(name for name, is_so in oddities.items() if is_so)])


def _duration_of_undivided(facts: Facts) -> Any:
    return None if facts.get("comparison_frames") else facts.get("duration_s")


def _buckets_inside(buckets: Sequence[Bucket], facts: Facts) -> int | None:
    """How many of the buckets' frames fit inside the clip's."""
    if "height" not in facts:
        return None
    height, width = facts["height"], facts["width"]
    return sum(1 for bucket in buckets if bucket.height <= height and bucket.width <= width)
