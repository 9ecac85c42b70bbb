"""Opens every clip once: facts, damage, and all pictures that later stages look at."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from curation.records import Clip, Video
from curation.stage import Resources
from curation.video.child import Child, ChildConfig
from curation.video.requests import Decoded, DecodeRequest, Span, VideoPart
from dataset_schema import TABLE_6_BUCKETS, Annotator, Bucket, MediaFacts, Reason, largest_bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeConfig:
    """What is opened, and which clips are worth keeping.

    Attributes:
        child: limits of the process that decodes.
        min_frames: fewer decoded frames are too few. Our choice: those of the shortest bucket of Table 6, which a
            slideshow of three frames in three seconds would otherwise fill.
        max_duration_s: longer clips are refused. Our choice: ten minutes; a film should be given as spans.
        max_pixels: larger frames are not decoded. Our choice: 8K, the largest that cameras record.
        reference_long_side: full-size frames are shrunk to this. Our choice: a quarter more than the largest bucket
            (1024) and far more than the 224 pixels that the image encoder sees; 4K would cost ten times the memory.
        blank_range: largest difference of levels within a frame, of 255, at which it counts as empty. Our choice: a
            compressed black frame stays below 4, the darkest natural ones reach 40.
    """

    child: ChildConfig = field(default_factory=ChildConfig)
    min_frames: int = 17
    max_duration_s: float = 600.0
    max_pixels: int = 8192 * 4320
    reference_long_side: int = 1280
    blank_range: int = 8

    def __post_init__(self) -> None:
        for name in ("min_frames", "max_duration_s", "max_pixels", "reference_long_side"):
            if getattr(self, name) <= 0:
                raise ValueError(f"decode stage has {name} {getattr(self, name)}, expected a positive number")
        if not 0 <= self.blank_range < 255:
            raise ValueError(f"decode stage has blank_range {self.blank_range}, expected 0 to 254")


class Decode:
    """Probes and decodes clips in a supervised child process; rejects damaged, short, long, small and blank ones."""

    name: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"source"})
    adds: ClassVar[frozenset[str]] = frozenset({"media", "frames"})

    def __init__(self, config: DecodeConfig, buckets: Sequence[Bucket] = TABLE_6_BUCKETS) -> None:
        self._config = config
        self._buckets = buckets
        self._child = Child(config.child)

    @property
    def resources(self) -> Resources:
        """One core; the child's memory and some for the pictures it hands over."""
        return Resources(
            memory_bytes=self._config.child.memory_bytes + (512 << 20),
            timeout_s=self._config.child.timeout_s + 120.0,
        )

    def annotators(self) -> tuple[Annotator, ...]:
        """None."""
        return ()

    def setup(self) -> None:
        """Nothing: the child starts with the first clip."""

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with facts and pictures.

        Raises:
            ClipError: a file is not a video, cannot be decoded, or costs too much time or memory.
        """
        return [self._decode(clip) for clip in clips]

    def decide(self, clip: Clip) -> tuple[Reason, ...]:
        """What makes a clip unfit whatever it shows."""
        media = clip.media
        if media is None:
            raise ValueError(f"clip {clip.clip_id} has no media facts; score it first")
        checks = {
            "damaged": media.damage,
            "too_long": self._too_long(media),
            "too_short": self._too_short(media),
            "too_small": self._too_small(media),
            "blank": None if clip.frames is None else self._blank(clip.frames.thumbnails),
        }
        return tuple(Reason(stage=self.name, reason=code, detail=text) for code, text in checks.items() if text)

    def _decode(self, clip: Clip) -> Clip:
        source = clip.source
        request = DecodeRequest(
            part=VideoPart(
                path=source.uri,
                span=Span(start_s=source.start_s, end_s=source.end_s),
                max_pixels=self._config.max_pixels,
            ),
            max_duration_s=self._config.max_duration_s,
            reference_long_side=self._config.reference_long_side,
        )
        decoded: Decoded = self._child.ask(request, where=source.uri)
        return replace(clip, media=decoded.media, frames=decoded.frames)

    def _too_long(self, media: MediaFacts) -> str | None:
        limit_s = self._config.max_duration_s
        if media.duration_s <= limit_s:
            return None
        return f"{media.duration_s:.1f} s long, at most {limit_s:g} s are decoded; give it as spans"

    def _too_short(self, media: MediaFacts) -> str | None:
        if media.decoded_frames < self._config.min_frames:
            return f"{media.decoded_frames} frames, at least {self._config.min_frames} are needed"
        smallest = min(self._buckets)
        if largest_bucket(self._buckets, duration_s=media.duration_s, height=1 << 30, width=1 << 30) is None:
            return f"{media.duration_s:.2f} s long, the shortest bucket has {smallest.frames} frames at 24 per second"
        return None

    def _too_small(self, media: MediaFacts) -> str | None:
        endless = float(max(self._buckets).frames)
        if largest_bucket(self._buckets, duration_s=endless, height=media.height, width=media.width) is not None:
            return None
        sizes = ", ".join(dict.fromkeys(f"{bucket.width}x{bucket.height}" for bucket in sorted(self._buckets)))
        return f"{media.width}x{media.height} pixels, no bucket ({sizes}) fits inside"

    def _blank(self, thumbnails: Video) -> str | None:
        ranges = np.ptp(thumbnails, axis=(1, 2)).max(axis=-1)
        if ranges.max() > self._config.blank_range:
            return None
        return f"in every frame all pixels are within {ranges.max()} of 255 levels of each other: nothing to see"
