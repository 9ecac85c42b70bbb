"""What the supervised child is asked, and what it answers. Nothing here loads a decoder."""

from dataclasses import dataclass

from curation.records import Frames
from curation.video.shot_division import Division
from dataset_schema import MediaFacts
from video_reading.part import VideoPart


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
