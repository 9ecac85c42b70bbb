"""MSRVTT-Personalization as its own script prepares it: a folder for each clip, with cut-outs of its words.

Read in MSRVTT-Personalization, ce8acfa: `prepare_msrvtt_personalization_data.py`. A folder holds `video.mp4`,
`summary_text.txt`, `word_tags.json`, the frames at 5, 50 and 95 % as `frame1.jpg` to `frame3.jpg`, `background.jpg`,
and `WORD.frameK.png` and `WORD.face.frameK.png`, cut out of those frames. In the names of files blanks and slashes of
words are underscores. Where a cut-out lies in its frame is not noted; it is the frame's own pixels, so it is found.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from curation.given import FrameAt, GivenFrame
from curation.imports.fields import a_list
from curation.imports.foreign import ForeignClip, ForeignMask, ForeignRow
from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.imports.videos import MissingVideoError, VideoFolder
from dataset_schema import EntityKind
from storage.text_files import read_text

_VIDEO, _CAPTION, _WORDS, _BACKGROUND = "video.mp4", "summary_text.txt", "word_tags.json", "background.jpg"
_FRAME_SHARES: Final = {1: 0.05, 2: 0.50, 3: 0.95}


class MsrvttPersonalization:
    """See `Layout`."""

    title = "MSRVTT-Personalization"
    licence = "Snap Inc. non-commercial research licence"
    has_videos = True

    def rows(self, source: Path) -> Iterator[ForeignRow]:
        """The folders, or the one folder that the source itself is."""
        folders = (
            [source] if (source / _WORDS).is_file() else sorted(path for path in source.iterdir() if path.is_dir())
        )
        if not any((folder / _WORDS).is_file() or (folder / _VIDEO).is_file() for folder in folders):
            raise ValueError(
                f"input {source} has no folder with {_VIDEO} and {_WORDS}, expected what the benchmark's own "
                "prepare_msrvtt_personalization_data.py writes"
            )
        for folder in folders:
            yield ForeignRow(place=f"folder {folder.name}", key=folder.absolute().name, content=folder)

    def clip(self, row: ForeignRow, videos: VideoFolder, unmapped: UnmappedCounts) -> ForeignClip:  # noqa: ARG002
        """See `Layout`."""
        folder: Path = row.content
        for name in (_WORDS, _CAPTION):
            if not (folder / name).is_file():
                raise ValueError(f"has no {name}; this is another layout than the one that is read")
        if not (folder / _VIDEO).is_file():
            raise MissingVideoError(f"the video {folder / _VIDEO} is not there; prepare the clip again")
        words = _words(folder)
        frames = [number for number in _FRAME_SHARES if (folder / f"frame{number}.jpg").is_file()]
        masks = _masks(folder, words, frames, row.key or row.place, unmapped)
        background = folder / _BACKGROUND
        return ForeignClip(
            video=(folder / _VIDEO).absolute(),
            captions=(read_text(folder / _CAPTION).strip(),),
            words=words,
            frames=tuple(
                GivenFrame(at=FrameAt(share=_FRAME_SHARES[k]), picture=(folder / f"frame{k}.jpg").absolute())
                for k in frames
            ),
            masks=tuple(masks),
            background=background.absolute() if background.is_file() else None,
        )


def _words(folder: Path) -> dict[str, EntityKind]:
    try:
        tags: Any = json.loads(read_text(folder / _WORDS))
    except ValueError as error:
        raise ValueError(f"{_WORDS} is no JSON ({error})") from error
    words: dict[str, EntityKind] = {}
    for kind in EntityKind:
        for word in a_list(tags, kind.value):
            if isinstance(word, str) and word.strip():
                words.setdefault(word, kind)
    return words


def _masks(
    folder: Path, words: Mapping[str, EntityKind], frames: list[int], where: str, unmapped: UnmappedCounts
) -> list[ForeignMask]:
    uses = Counter(map(_file_name, words))
    masks = []
    for word in words:
        name = _file_name(word)
        if uses[name] > 1:
            unmapped.add(Unmapped.SAME_FILE_NAME, where, repr(word))
            continue
        for place, number in enumerate(frames):
            cutout, face = folder / f"{name}.frame{number}.png", folder / f"{name}.face.frame{number}.png"
            if cutout.is_file():
                face_shape = face.absolute() if face.is_file() else None
                masks.append(ForeignMask(word=word, frame=place, shape=cutout.absolute(), face=face_shape))
            elif face.is_file():
                unmapped.add(Unmapped.FACE_WITHOUT_PICTURE, where, f"{word!r} in frame {number}")
    return masks


def _file_name(word: str) -> str:
    return word.replace(" ", "_").replace("/", "_")
