"""What the supervised child is asked, and what it answers. Nothing here loads a decoder."""

from dataclasses import dataclass

from curation.records import Frames
from curation.video.division import Division
from dataset_schema import MediaFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part `[start_s, end_s)` of a video, in presentation time; None means from the start, or to the end."""

    start_s: float | None = None
    end_s: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether this is the whole video."""
        return self.start_s is None and self.end_s is None

    def compare(self, time_s: float, tick_s: float) -> int:
        """-1, 0 or 1 for a moment before, inside or after the span.

        A span that was read off a frame's own timestamp starts with this frame, so half a tick counts as inside.
        """
        if self.start_s is not None and time_s + tick_s / 2 < self.start_s:
            return -1
        return int(self.end_s is not None and time_s + tick_s / 2 >= self.end_s)

    def __str__(self) -> str:
        return f"[{self.start_s or 0:g} s, {'the end' if self.end_s is None else f'{self.end_s:g} s'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPart:
    """What is opened: a file, the span of it that makes the clip, and the largest frame that is decoded at all."""

    path: str
    span: Span
    max_pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRequest:
    """Probe a clip and decode it once.

    Attributes:
        max_duration_s: of a longer clip only a glance is decoded.
        reference_long_side: reference frames are shrunk to this.
        division: where references of another time than the clip are asked for.
        keeps_footage: the answer's frames are `Footage`, so that the video can be split.
    """

    part: VideoPart
    max_duration_s: float
    reference_long_side: int
    division: Division | None = None
    keeps_footage: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """What one pass over a clip gave.

    Attributes:
        media: facts about the clip, without the rest of a divided shot.
        clip_end_s: where the clip of a divided shot ends.
    """

    media: MediaFacts
    frames: Frames
    clip_end_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRequest:
    """Cut a clip exactly and encode it at `fps`, scaled and centre-cropped to `height` x `width`."""

    part: VideoPart
    fps: float
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A clip cut out of its video."""

    mp4: bytes
    num_frames: int
