"""What came with a clip from another dataset, so that no network is asked for it: masks of its words, on some frames.

Nothing here is decoded yet: a mask is run lengths, a box, or a picture file, and a frame is a place in a video. So a
clip stays small until a worker has it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dataset_schema import Box, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameAt:
    """Which of the frames of a clip: one by its index, or the first one after a share of them.

    Raises:
        ValueError: both are given, or none, or it cannot be among the frames of any clip.
    """

    index: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if (self.index is None) == (self.share is None):
            raise ValueError(f"a frame is given by index {self.index} and share {self.share}, expected one of them")
        if (self.index is not None and self.index < 0) or (self.share is not None and not 0 <= self.share <= 1):
            raise ValueError(
                f"a frame has index {self.index} and share {self.share}, expected 0 or more, or a number in [0, 1]"
            )

    def among(self, num_frames: int) -> int:
        """Its index among so many frames; the share 1 is the last one.

        Raises:
            ValueError: there are too few.
        """
        if self.index is None:
            return min(int(num_frames * (self.share or 0.0)), num_frames - 1)
        if self.index >= num_frames:
            raise ValueError(f"frame {self.index} was annotated, and there are {num_frames} frames")
        return self.index


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFrame:
    """A frame that masks are given for.

    Attributes:
        at: which frame of the clip, or of the part of another video.
        elsewhere: that part of another video; None where it is the clip's own.
        picture: a file that holds the frame as the masks were made for it; its pixels are used instead of decoded ones.
    """

    at: FrameAt
    elsewhere: Source | None = None
    picture: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLengths:
    """A mask as COCO's compressed run lengths.

    Attributes:
        crop: x0 and y0 of where it lies in a larger frame, which the annotated picture was cropped out of; None where
            it has to be as large as its frame.
    """

    counts: str
    height: int
    width: int
    crop: tuple[int, int] | None = None


# A path is a cut-out of the frame with its alpha, of which nobody noted where it lies.
Shape: TypeAlias = RunLengths | Box | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenMask:
    """Where a word's entity is in one of the given frames.

    Attributes:
        start: where the word begins in the caption; None where no word of it names the thing, which then is only kept
            out of the background.
        frame: index into the given frames.
        score: how sure whoever made it was; 1 where nobody said.
        is_ambiguous: the word has masks of several things in the frame, and nothing says which one is meant.
        face: the face in it.
    """

    start: int | None
    frame: int
    shape: Shape
    score: float = 1.0
    is_ambiguous: bool = False
    face: Shape | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ValueError(f"a mask has score {self.score}, expected a number in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Everything that came with a clip but its words, which are its `entity_words`.

    Attributes:
        frames: those of the clip first, in their order.
        background: a file that holds the middle one of the clip's given frames with all entities painted out.
        frame_span: the clip in frames of its file, where the annotation counts these; when they are, the file tells.
        fps: of the file that was annotated, where that is known.
    """

    frames: tuple[GivenFrame, ...]
    masks: tuple[GivenMask, ...]
    background: Path | None = None
    frame_span: tuple[int, int] | None = None
    fps: float | None = None

    @property
    def own_frames(self) -> tuple[FrameAt, ...]:
        """Those of the clip itself."""
        return tuple(frame.at for frame in self.frames if frame.elsewhere is None)
