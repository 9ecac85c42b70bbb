"""Opens every clip once: facts, damage, and all pictures that later stages look at."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, Final

from curation.media_limits import FRAME_SCORES, MediaLimits, measured_media, with_frame_scores
from curation.records import Clip
from curation.rules import Bound, Rule
from curation.stage import ClipError, Resources, Stage
from curation.video.child import Child, ChildConfig
from curation.video.perceptual_hash import perceptual_hash
from curation.video.requests import ContentHash, Decoded, DecodeRequest, part_of
from curation.video.shot_division import Division
from dataset_schema import (
    FRAMES_PER_SECOND,
    TABLE_6_BUCKETS,
    Bucket,
    FailureKind,
)
from storage.configs import PRESET_ONLY, UNDECISIVE, strict

# The pictures of one clip, and some room; and ten minutes of footage, which are half of this.
_PICTURES_BYTES: Final = 512 << 20
_FOOTAGE_BYTES: Final = 1 << 30

# Our choice: 24 and 25 frames per second are two versions of a video, 23.976 and 24 are one.
_PACE_TOLERANCE: Final = 0.03


class ReferenceTimes(StrEnum):
    """When the frames are shown that references are cut from."""

    WITHIN = "within"  # 5, 50 and 95 % of the clip (3.1)
    AFTER = "after"  # 5, 50 and 95 % of what follows the clip in the same shot, which is shortened for that


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeConfig:
    """What is opened, and which clips are worth keeping.

    Attributes:
        child: limits of the process that decodes.
        min_frames: fewer decoded frames are too few. Our choice: those of the shortest bucket of Table 6, which a
            slideshow of three frames in three seconds would otherwise fill.
        max_duration_s: longer clips are refused. Our choice: ten minutes; a film should be given as spans.
        max_frame_s: a clip in which one frame is shown longer is refused: it has a gap, or is a slideshow. Our choice:
            half a second. Cameras that save light or bandwidth go down to a few frames per second, and a clip of the
            shortest bucket (0.7 s) should still show more than one picture.
        max_pixels: larger frames are not decoded. Our choice: 8K, the largest that cameras record.
        reference_long_side: full-size frames are shrunk to this. Our choice: a quarter more than the largest bucket
            (1024) and far more than the 224 pixels that the image encoder sees; 4K would cost ten times the memory.
        blank_range: largest difference of levels within a frame, of 255, at which it counts as empty. Our choice: a
            compressed black frame stays below 4, the darkest natural ones reach 40.
        reference_times: `after` keeps the model from learning to copy what the clip shows, as HunyuanCustom does it.
            Its clips are shorter, and a shot too short to be divided is rejected; `Division` says how.
        reference_gap_s: between a clip and the references after it. Our choice: a second, in which people and animals
            change their pose.
        content_hash: whose bytes are hashed (SHA-256, `source.content_sha256`). An opt-out list that names hashes of
            content needs `always`, and `curate` sees to it.
        perceptual_hash: whether `source.perceptual_hash` tells what the source looks like. Our choice: off, because
            nobody but an opt-out list reads it.
    """

    child: ChildConfig = field(default_factory=ChildConfig, metadata=PRESET_ONLY)
    min_frames: int = 17
    max_duration_s: float = 600.0
    max_frame_s: float = 0.5
    max_pixels: int = field(default=8192 * 4320, metadata=PRESET_ONLY)
    reference_long_side: int = field(default=1280, metadata=PRESET_ONLY)
    blank_range: int = field(default=8, metadata=PRESET_ONLY)
    reference_times: ReferenceTimes = ReferenceTimes.WITHIN
    reference_gap_s: float = field(default=1.0, metadata=PRESET_ONLY)
    content_hash: ContentHash = field(default=ContentHash.AT_HAND, metadata=UNDECISIVE)
    perceptual_hash: bool = field(default=False, metadata=UNDECISIVE)

    def __post_init__(self) -> None:
        for name in ("min_frames", "max_duration_s", "max_frame_s", "max_pixels", "reference_long_side"):
            if getattr(self, name) <= 0:
                raise ValueError(f"decode stage has {name} {getattr(self, name)}, expected a positive number")
        if not 0 <= self.blank_range < 255:
            raise ValueError(f"decode stage has blank_range {self.blank_range}, expected 0 to 254")
        if self.reference_gap_s < 0:
            raise ValueError(f"decode stage has reference_gap_s {self.reference_gap_s}, expected 0 or more")

    def limits(self, buckets: Sequence[Bucket]) -> MediaLimits:
        """The limits of clips that must fill one of the buckets."""
        lengths_s = tuple(sorted({bucket.frames / FRAMES_PER_SECOND for bucket in buckets}))
        division = Division(lengths_s=lengths_s, gap_s=self.reference_gap_s)
        return MediaLimits(
            buckets=tuple(buckets),
            min_frames=self.min_frames,
            max_frame_s=self.max_frame_s,
            blank_range=self.blank_range,
            division=division if self.reference_times is ReferenceTimes.AFTER else None,
        )


class Decode(Stage):
    """Probes and decodes clips in a supervised child process; rejects damaged, short, long, small and blank ones.

    Args:
        keeps_footage: the clips may be split later; their `frames` are then `Footage`.
    """

    name: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"source"})
    adds: ClassVar[frozenset[str]] = frozenset({"media", "frames"}) | FRAME_SCORES

    def __init__(
        self, config: DecodeConfig, buckets: Sequence[Bucket] = TABLE_6_BUCKETS, *, keeps_footage: bool = False
    ) -> None:
        self._config = config
        limits = config.limits(buckets)
        # How a shot ends, and whether a gap is in it, is known once the video is split.
        self._limits = replace(limits, division=None, max_frame_s=None) if keeps_footage else limits
        self._keeps_footage = keeps_footage
        self._child = Child(config.child)

    @property
    def resources(self) -> Resources:
        """One core; the child's memory and some for the pictures it hands over."""
        return Resources(
            memory_bytes=self._config.child.memory_bytes + (_FOOTAGE_BYTES if self._keeps_footage else _PICTURES_BYTES),
            timeout_s=self._config.child.timeout_s + 120.0,
        )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Sound, neither too long nor too short, without gaps, large enough, and not blank."""
        return (
            Rule(
                code="damaged",
                reads="damage",
                bound=Bound.ABSENT,
                sentence="{value}",
                plain="damaged",
                advice="repair or fetch the file again; a remux often helps: ffmpeg -i IN -c copy OUT",
            ),
            Rule(
                code="too_long",
                reads="duration_s",
                bound=Bound.AT_MOST,
                limit=self._config.max_duration_s,
                sentence="{value:.1f} s long, at most {limit:g} s are decoded; give it as spans",
                plain="too long",
                advice="give a part of it: a manifest with the columns video, caption, start_s, end_s",
            ),
            *self._limits.rules,
        )

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with facts and pictures.

        Raises:
            ClipError: a file is not a video, cannot be decoded, or costs too much time or memory.
        """
        return [self._decode(clip) for clip in clips]

    def measured(self, clip: Clip) -> str:
        """Facts about the file."""
        return measured_media(clip)

    def _decode(self, clip: Clip) -> Clip:
        source = clip.source
        request = DecodeRequest(
            part=part_of(
                source,
                max_pixels=self._config.max_pixels,
                max_fetched_bytes=self._config.child.max_fetched_bytes,
            ),
            max_duration_s=self._config.max_duration_s,
            reference_long_side=self._config.reference_long_side,
            division=self._limits.division,
            keeps_footage=self._keeps_footage,
            wanted=() if clip.given is None else clip.given.own_frames,
            frame_span=None if clip.given is None else clip.given.frame_span,
            content_hash=self._config.content_hash,
        )
        decoded: Decoded = self._child.ask(request, where=source.uri)
        _expect_annotated_pace(clip, decoded)
        if decoded.span is not None:
            source = replace(source, start_s=decoded.span.start_s, end_s=decoded.span.end_s)
        looks = perceptual_hash(decoded.frames.thumbnails) if self._config.perceptual_hash else None
        source = replace(source, content_sha256=decoded.content_sha256, perceptual_hash=looks)
        if decoded.clip_end_s is not None:
            source = replace(source, end_s=decoded.clip_end_s)
        clip = replace(clip, source=source, media=decoded.media, frames=decoded.frames)
        return with_frame_scores(clip, decoded.frames)


def _expect_annotated_pace(clip: Clip, decoded: Decoded) -> None:
    """Masks are given by frame numbers, which mean other frames in a version of another pace."""
    annotated, found = clip.given.fps if clip.given is not None else None, decoded.media.fps
    if annotated is not None and abs(found - annotated) > _PACE_TOLERANCE * annotated:
        raise ClipError(
            FailureKind.INPUT,
            f"{clip.source.uri}: it has {found:.3g} frames per second, and was annotated with {annotated:.3g}; this is "
            "another version of the video",
        )
