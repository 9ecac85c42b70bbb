"""Clips of one's own, with what is to be seen in them: from Python, a folder or a JSONL file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dataset_schema.words import FoldedText
from storage.configs import from_plain, strict
from storage.places import local_path
from storage.text_files import read_text

_EXAMPLE: Final = '{"file": "dog.mp4", "caption": "A dog runs."}'


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClip:
    """A video or a picture, and what is to be seen in it.

    Attributes:
        file: of the video or the picture.
        caption: what happens.
        references: for each entity word of the caption, pictures of it on a transparent or white background. Where the
            caption has the word several times, `cat` is the first and `cat#2` the second. Pictures from elsewhere teach
            more than parts of this file, which a model learns to copy.
        background: a picture of the place, without the entities.
        background_word: the caption's word for the place.
        latents: of the file, if they were computed elsewhere: the bucket (`17x288x512`) -> a .npy file of floats,
            (channels, time, height, width), of the file's first frames in that size.

    Raises:
        ValueError: the caption is empty.
    """

    file: Path
    caption: str
    references: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    background: Path | None = None
    background_word: str | None = None
    latents: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.caption.strip():
            raise ValueError(f"{self.file} has an empty caption, expected what happens in it")


def own_clips(source: Path | str) -> list[OwnClip]:
    """The clips of a JSONL file, or of a folder.

    JSONL: each line has the fields of an `OwnClip`; relative paths start at the folder of the file. A folder: every
    file is a video or a picture, and its caption is the text file beside it, `1.txt` for `1.jpg`. Pictures in a folder
    below are references of the word that it is named by, for every caption that has the word.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: there are no clips, a line is wrong, a file has no caption or a caption no file, a folder's word is
            in no caption, or it has no pictures. The message names each.
    """
    source = local_path(source)
    if not source.exists():
        raise FileNotFoundError(f"{source} does not exist, expected a folder or a .jsonl file of clips")
    problems: list[str] = []
    clips = list(_of_folder(source, problems) if source.is_dir() else _of_lines(source, problems))
    expect_no_problems(problems)
    if not clips:
        expected = "videos or pictures, each with its caption" if source.is_dir() else f"lines such as {_EXAMPLE}"
        raise ValueError(f"{source} has no clips, expected {expected}")
    return clips


def expect_no_problems(problems: Sequence[str]) -> None:
    """Refuse all at once what is wrong, so that nobody mends one thing to be told of the next.

    Raises:
        ValueError: there is a problem; the message names each.
    """
    if len(problems) == 1:
        raise ValueError(problems[0])
    if problems:
        raise ValueError("\n- ".join([f"{len(problems)} things are wrong:", *problems]))


def _of_lines(path: Path, problems: list[str]) -> Iterator[OwnClip]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _from_folder(path.parent, from_plain(OwnClip, json.loads(line)))
        except json.JSONDecodeError as error:
            problems.append(
                f"{path}, line {number} is no JSON ({error.msg} at column {error.colno}), such as {_EXAMPLE}"
            )
        except ValueError as error:
            problems.append(f"{path}, line {number}: {error}")


def _from_folder(folder: Path, clip: OwnClip) -> OwnClip:
    return replace(
        clip,
        file=folder / clip.file,
        references={word: tuple(folder / each for each in pictures) for word, pictures in clip.references.items()},
        background=None if clip.background is None else folder / clip.background,
        latents={bucket: folder / each for bucket, each in clip.latents.items()},
    )


def _of_folder(folder: Path, problems: list[str]) -> Iterator[OwnClip]:
    shown = _shown(folder)
    words = {path.name: tuple(_shown(path)) for path in shown if path.is_dir()}
    texts = [path for path in shown if path.suffix == ".txt"]
    files = [path for path in shown if path not in texts and not path.is_dir()]
    clips = []
    for path in files:
        try:
            clips.append(OwnClip(file=path, caption=_caption_beside(path)))
        except ValueError as error:
            problems.append(str(error))
    captioned = {path.with_suffix(".txt") for path in files}
    problems += [f"{path} is the caption of no file; move it elsewhere" for path in texts if path not in captioned]
    for word, pictures in words.items():
        if not any(_has(clip.caption, word) for clip in clips):
            problems.append(f"{folder / word} has pictures of {word!r}, which is in no caption; rename the folder")
        elif not pictures:
            problems.append(f"{folder / word} is empty, expected pictures of {word!r}; delete it if there are none")
    for clip in clips:
        yield replace(clip, references={word: some for word, some in words.items() if _has(clip.caption, word)})


def _shown(folder: Path) -> list[Path]:
    """What lies in a folder, but what systems hide there (`.DS_Store`)."""
    return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]


def _caption_beside(path: Path) -> str:
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise ValueError(f"{path} has no caption; write what happens in it into {beside.name} beside it")
    return read_text(beside).strip()


def _has(caption: str, word: str) -> bool:
    return bool(FoldedText(caption).find_word(word))
