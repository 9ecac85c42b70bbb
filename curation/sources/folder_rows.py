"""A folder of videos: every file in it is one, and a text beside it is its caption."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from curation.sources.rows import Listing, Row
from curation.sources.walk import FolderContent
from storage.text_files import read_text

_SIDE_CAR: Final = ".txt"


def list_videos(folder: Path, content: FolderContent) -> Listing:
    """The videos with their captions from `NAME.mp4.txt` or `NAME.txt`; what cannot be followed is a wrong row."""
    described, side_cars = _side_cars(content.files)
    videos = [path for path in content.files if path not in side_cars]
    count = len(videos) + len(content.problems)
    rows = partial(_rows, folder, sorted([*videos, *content.problems]), described, content.problems)
    return Listing(count=count, read=rows, left_out=tuple(content.left_out))


def has_captions(files: list[Path]) -> bool:
    """Whether a text lies beside any file."""
    return bool(_side_cars(files)[1])


def _side_cars(files: list[Path]) -> tuple[dict[Path, Path], set[Path]]:
    """Texts by what they describe, `a.mp4` or `a`; and those that lie beside a file. Other texts are no captions."""
    described = {path.with_suffix(""): path for path in files if path.suffix.lower() == _SIDE_CAR}
    texts = set(described.values())
    videos = [path for path in files if path not in texts]
    beside = {described[name] for path in videos for name in (path, path.with_suffix("")) if name in described}
    return described, beside


def _rows(folder: Path, paths: list[Path], described: dict[Path, Path], problems: dict[Path, str]) -> Iterator[Row]:
    for number, path in enumerate(paths, start=1):
        name = path.relative_to(folder)
        place, problem = f"file {name.as_posix()}", problems.get(path)
        text = described.get(path) or described.get(path.with_suffix(""))
        caption = ""
        if text not in (None, path) and problem is None:
            try:
                caption = read_text(text)
            except (ValueError, OSError) as error:
                problem = str(error)
        yield Row(place=place, number=number, video=name, caption=caption, problem=problem)
