"""The last stage: what a kept clip looks like in the dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from curation.records import Clip
from curation.stage import ClipError, Resources, Stage
from curation.video.child import Child, ChildConfig
from curation.video.requests import Cut, CutRequest, ListenRequest, Loudness, part_of
from dataset_schema import (
    FRAMES_PER_SECOND,
    TABLE_6_BUCKETS,
    Bucket,
    FailureKind,
    MediaFacts,
    Payload,
    Sample,
    Scores,
    Source,
    largest_bucket,
)
from storage.configs import PRESET_ONLY, strict
from storage.places import place_of
from video_reading.part import VideoPart


class PayloadMode(StrEnum):
    """What stands in a sample's `video`."""

    COPY = "copy"  # the file's own bytes where the clip is the whole file, else an exact cut
    EXACT = "exact"  # always an exact cut: H.264, 24 frames per second, fitted to the bucket
    SPAN = "span"  # the path of the source; the clip is a span of it


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishConfig:
    """How clips are published.

    Attributes:
        mode: `copy` is the default because transcoding is by far the largest cost of curation on a CPU.
        keeps_sound: whether exact cuts have the sound of their sources, and the sound of clips is measured. Our choice:
            yes, because trainers that make sound need it, and the others leave it.
        child: limits of the process that cuts. Our choice: ten minutes, as encoding takes some ten times longer than
            decoding.
        max_copy_bytes: larger files are not copied into a shard. Our choice: 512 MiB, a quarter of what an Arrow value
            can hold.
        max_pixels: as for decoding.
    """

    mode: PayloadMode = PayloadMode.COPY
    keeps_sound: bool = True
    child: ChildConfig = field(default_factory=lambda: ChildConfig(timeout_s=600.0), metadata=PRESET_ONLY)
    max_copy_bytes: int = field(default=512 << 20, metadata=PRESET_ONLY)
    max_pixels: int = field(default=8192 * 4320, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        for name in ("max_copy_bytes", "max_pixels"):
            if getattr(self, name) <= 0:
                raise ValueError(f"publish stage has {name} {getattr(self, name)}, expected a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Published:
    """A payload and what it holds."""

    video: Payload
    start_s: float
    num_frames: int
    fps: float
    height: int
    width: int
    loudness: Loudness | None


class Publish(Stage):
    """Makes the sample of every clip."""

    name: ClassVar[str] = "publish"
    reads: ClassVar[frozenset[str]] = frozenset({"media", "entities", "background"})
    adds: ClassVar[frozenset[str]] = frozenset({"sample"})

    def __init__(self, config: PublishConfig, buckets: Sequence[Bucket] = TABLE_6_BUCKETS) -> None:
        self._config = config
        self._buckets = buckets
        self._child = Child(config.child)

    @property
    def resources(self) -> Resources:
        """One core; the child's memory and some for the bytes it hands over."""
        child = self._config.child
        return Resources(memory_bytes=child.memory_bytes + (512 << 20), timeout_s=child.timeout_s + 120.0)

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def measured(self, clip: Clip) -> str:
        """The bucket that it fills."""
        return f"bucket {clip.sample.bucket}" if clip.sample is not None else ""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with their samples.

        Raises:
            ClipError: the source cannot be read or cut, or the clip fits no bucket.
        """
        return [replace(clip, sample=self._sample(clip)) for clip in clips]

    def _sample(self, clip: Clip) -> Sample:
        if clip.media is None or clip.entities is None:
            raise ValueError(f"clip {clip.clip_id} lacks media facts or entities; run the stages that add them first")
        bucket = self._bucket(clip, clip.media)
        published = self._publish(clip, clip.media, bucket)
        return Sample(
            clip_id=clip.clip_id,
            source=clip.source,
            caption=clip.caption,
            video=published.video,
            video_start_s=published.start_s,
            num_frames=published.num_frames,
            fps=published.fps,
            height=published.height,
            width=published.width,
            bucket=str(bucket),
            media=clip.media,
            scores=_with_sound(clip.scores, published.loudness),
            entities=clip.entities,
            background=clip.background,
            extra=clip.extra,
        )

    def _bucket(self, clip: Clip, media: MediaFacts) -> Bucket:
        bucket = largest_bucket(self._buckets, duration_s=media.duration_s, height=media.height, width=media.width)
        if bucket is None:
            raise ClipError(
                FailureKind.INPUT,
                f"{clip.source.uri}: {media.duration_s:.2f} s of {media.width}x{media.height} pixels fill no bucket; "
                "give the decode stage the same buckets as the publish stage, so that it rejects such clips",
            )
        return bucket

    def _publish(self, clip: Clip, media: MediaFacts, bucket: Bucket) -> _Published:
        part = part_of(
            clip.source,
            max_pixels=self._config.max_pixels,
            max_fetched_bytes=self._config.child.max_fetched_bytes,
        )
        if self._config.mode is PayloadMode.EXACT or (self._config.mode is PayloadMode.COPY and not part.span.is_whole):
            return self._cut(clip, part, bucket)
        is_copy = self._config.mode is PayloadMode.COPY
        return _Published(
            video=self._copy(clip.source) if is_copy else Payload(path=clip.source.uri),
            start_s=0.0 if is_copy else part.span.start_s or 0.0,
            num_frames=media.decoded_frames,
            fps=media.fps,
            height=media.height,
            width=media.width,
            loudness=self._listen(clip, media, part),
        )

    def _listen(self, clip: Clip, media: MediaFacts, part: VideoPart) -> Loudness | None:
        if not (self._config.keeps_sound and media.has_audio):
            return None
        from_s = part.span.start_s or 0.0
        request = ListenRequest(part=part, from_s=from_s, to_s=from_s + media.duration_s)
        found: Loudness | None = self._child.ask(request, where=clip.source.uri)
        return found

    def _copy(self, source: Source) -> Payload:
        uri, place = source.uri, place_of(source.uri)
        try:
            size_bytes = place.stat().st_size
            if size_bytes > self._config.max_copy_bytes:
                raise ClipError(
                    FailureKind.INPUT,
                    f"{uri}: {size_bytes} bytes are too many to copy into a shard, at most "
                    f"{self._config.max_copy_bytes}; publish it as `exact` or `span`",
                )
            content = place.read_bytes()
        except OSError as error:
            remedy = "check the disk, then retry" if isinstance(place, Path) else "then retry"
            raise ClipError(FailureKind.IO, f"{uri}: cannot be copied ({error.strerror}); {remedy}") from error
        if source.content_sha256 is not None and source.content_sha256 != sha256(content).hexdigest():
            raise ClipError(
                FailureKind.IO,
                f"{uri}: its content is another than the one that was decoded (SHA-256 {source.content_sha256}); "
                "somebody wrote it meanwhile; retry",
            )
        return Payload(bytes=content, path=place.name)

    def _cut(self, clip: Clip, part: VideoPart, bucket: Bucket) -> _Published:
        request = CutRequest(
            part=part,
            fps=FRAMES_PER_SECOND,
            height=bucket.height,
            width=bucket.width,
            keeps_sound=self._config.keeps_sound,
        )
        cut: Cut = self._child.ask(request, where=clip.source.uri)
        return _Published(
            video=Payload(bytes=cut.mp4, path=f"{clip.clip_id}.mp4"),
            start_s=0.0,
            num_frames=cut.num_frames,
            fps=request.fps,
            height=bucket.height,
            width=bucket.width,
            loudness=cut.loudness,
        )


def _with_sound(scores: Scores, loudness: Loudness | None) -> Scores:
    if loudness is None:
        return scores
    return replace(scores, loudness_lufs=loudness.lufs, silence=loudness.silence)
