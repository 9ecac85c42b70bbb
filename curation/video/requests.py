"""What the supervised child is asked, and what it answers. Nothing here loads a decoder."""

from dataclasses import dataclass
from enum import StrEnum

from curation.given import FrameAt
from curation.records import Frames
from curation.stage import ClipError
from curation.video.shot_division import Division
from dataset_schema import FailureKind, MediaFacts, Source
from storage.address import Address
from storage.places import place_of
from video_reading.part import Span, VideoPart


def part_of(source: Source, *, max_pixels: int, max_fetched_bytes: int) -> VideoPart:
    """What is opened of a source.

    Raises:
        ClipError: its uri is no place that a video can lie at.
    """
    try:
        file = place_of(source.uri)
    except ValueError as error:
        raise ClipError(FailureKind.INPUT, f"{error}; correct it where the video is named") from error
    span = Span(start_s=source.start_s, end_s=source.end_s)
    return VideoPart(file=file, span=span, max_pixels=max_pixels, max_fetched_bytes=max_fetched_bytes)


class ContentHash(StrEnum):
    """Whose bytes are hashed."""

    AT_HAND = "at_hand"  # of files on this machine, and of whole videos in a store, which are fetched whole anyway
    ALWAYS = "always"  # also of a video in a store of which only a span is decoded: the rest is fetched for it
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRequest:
    """Probe a clip and decode it once.

    Attributes:
        max_duration_s: of a longer clip only a glance is decoded.
        reference_long_side: reference frames are shrunk to this.
        division: where references of another time than the clip are asked for.
        keeps_footage: the answer's frames are `Footage`, so that the video can be split.
        wanted: the reference frames, instead of those at 5, 50 and 95 %.
        frame_span: the part is these frames of the file.
        content_hash: whether its file is hashed.
    """

    part: VideoPart
    max_duration_s: float
    reference_long_side: int
    division: Division | None = None
    keeps_footage: bool = False
    wanted: tuple[FrameAt, ...] = ()
    frame_span: tuple[int, int] | None = None
    content_hash: ContentHash = ContentHash.NEVER

    @property
    def wants_content_hash(self) -> bool:
        """Whether this one's is."""
        is_at_hand = not isinstance(self.part.file, Address) or self.part.span.is_whole
        return self.content_hash is ContentHash.ALWAYS or (self.content_hash is ContentHash.AT_HAND and is_at_hand)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """What one pass over a clip gave.

    Attributes:
        media: facts about the clip, without the rest of a divided shot.
        clip_end_s: where the clip of a divided shot ends.
        span: when the frames are shown that were asked for by their numbers.
        content_sha256: of the whole file, where it was asked for.
    """

    media: MediaFacts
    frames: Frames
    clip_end_s: float | None = None
    span: Span | None = None
    content_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRequest:
    """Decode one frame of a clip, at full size; the answer is an `Image`."""

    part: VideoPart
    at: FrameAt


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRequest:
    """Cut a clip exactly and encode it at `fps`, scaled and centre-cropped to `height` x `width`.

    Attributes:
        keeps_sound: whether the cut has the sound of its source.
    """

    part: VideoPart
    fps: float
    height: int
    width: int
    keeps_sound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenRequest:
    """Measure the sound of a clip between two presentation times; the answer is a `Loudness`, or None for no sound."""

    part: VideoPart
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """Of a clip's sound.

    Attributes:
        lufs: integrated loudness (ITU-R BS.1770-4); -70, where its gate is, if no block of 400 ms is louder.
        silence: the share of the clip that is silent.
    """

    lufs: float
    silence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A clip cut out of its video.

    Attributes:
        loudness: of its sound; None if it has none.
    """

    mp4: bytes
    num_frames: int
    loudness: Loudness | None
