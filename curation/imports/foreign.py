"""What every layout is translated into: an annotated clip in the words of its own dataset, and what a layout is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from curation.given import GivenFrame, Shape
from curation.imports.unmapped import UnmappedCounts
from curation.imports.videos import VideoFolder
from dataset_schema import Box, EntityKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRow:
    """A row as it stands there.

    Attributes:
        place: where it stands, in words.
        key: its name in its dataset; None where it has none that could be read.
        content: for the layout alone.
        problem: what is wrong with all of it.
    """

    place: str
    key: str | None = None
    content: Any = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignMask:
    """A mask of a word.

    Attributes:
        word: as it stands among the clip's words.
        frame: index into the clip's frames.
        box: around it, where the annotation says; boxes are compared before masks are read.
        score: how sure whoever made it was.
        face: the face in it.
    """

    word: str
    frame: int
    shape: Shape
    box: Box | None = None
    score: float = 1.0
    face: Shape | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignClip:
    """An annotated clip.

    Attributes:
        captions: the one that has most of the words is taken, of equal ones the first.
        words: and what the dataset says they are; where it does not say, an object, which the rules of A.2 correct.
        frames: those of the clip first.
        background: a file with the middle one of the clip's frames without its entities.
        frame_span: the clip in frames of its file, and `fps` the file's, where the annotation says so.
        is_cropped: masks are of a part of the picture.
        facts: other columns, for the row.
    """

    video: Path
    captions: tuple[str, ...]
    words: Mapping[str, EntityKind]
    frames: tuple[GivenFrame, ...]
    masks: tuple[ForeignMask, ...]
    start_s: float | None = None
    end_s: float | None = None
    background: Path | None = None
    frame_span: tuple[int, int] | None = None
    fps: float | None = None
    is_cropped: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


class Layout(Protocol):
    """How one dataset lies on a disk.

    Attributes:
        title: its name for people.
        licence: what its page says about the annotations.
        has_videos: they lie within it; otherwise the user names their folder.
    """

    title: str
    licence: str
    has_videos: bool

    def rows(self, source: Path) -> Iterator[ForeignRow]:
        """The rows, one after the other, without all of them in memory.

        Raises:
            FileNotFoundError: there is no such dataset.
            ValueError: it is none of this layout.
        """
        ...

    def clip(self, row: ForeignRow, videos: VideoFolder, unmapped: UnmappedCounts) -> ForeignClip:
        """What a row says.

        Raises:
            ValueError: the row is of another version of the layout, contradicts itself, or its video is missing.
        """
        ...
