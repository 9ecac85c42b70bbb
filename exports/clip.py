"""What is written of a clip: facts that the rows of every format are made of, known before the clip is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from dataset_schema import EntityKind, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the export.

    Attributes:
        name: below the export's folder; empty where a format writes none.
        sha256: empty until it is written; so is its size.
    """

    name: str
    sha256: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedVideo:
    """The video of a clip.

    Attributes:
        frames: those of the grid, which the reader takes.
        num_frames: of the file, which may have more.
        is_copy: whether its bytes are the dataset's.
        footage: `published`, or `source`.
    """

    file: File
    frames: int
    num_frames: int
    fps: float
    height: int
    width: int
    has_sound: bool
    is_copy: bool
    footage: str

    @property
    def duration_s(self) -> float:
        """Of the file."""
        return self.num_frames / self.fps


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPicture:
    """A reference picture.

    Attributes:
        word: whose picture it is; empty where no word says the background.
        start: of the word in the caption as it was curated; so is end.
        is_outside: whether it was cut at another time than the clip shows.
    """

    file: File
    height: int
    width: int
    word: str
    kind: EntityKind
    start: int
    end: int
    is_face: bool
    is_outside: bool
    is_transparent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedClip:
    """A clip, its files, and the words for it.

    Attributes:
        group: the folder or the file of rows that it belongs to; empty where there is one for all.
        caption: as the trainer reads it.
        original_caption: as it was curated; spans of words are about this.
        licence: of the source, where the manifest named one.
    """

    clip_id: str
    source: Source
    group: str
    caption: str
    original_caption: str
    licence: str | None
    video: ExportedVideo
    pictures: tuple[ExportedPicture, ...] = ()
    texts: tuple[File, ...] = field(default=())

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What JSON of its fields says."""
        video = content["video"]
        pictures = (
            {**each, "file": File(**each["file"]), "kind": EntityKind(each["kind"])} for each in content["pictures"]
        )
        return cls(
            **{
                **content,
                "source": Source(**content["source"]),
                "video": ExportedVideo(**{**video, "file": File(**video["file"])}),
                "pictures": tuple(ExportedPicture(**each) for each in pictures),
                "texts": tuple(File(**each) for each in content["texts"]),
            }
        )
