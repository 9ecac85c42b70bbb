"""A folder of videos: every file in it is one, and a text beside it is its caption."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from curation.sources.folder_content import FolderContent, by_parts
from curation.sources.rows import Listing, Row
from storage.address import Place
from storage.text_files import read_text

_SIDE_CAR: Final = ".txt"

# Our choice: captions in a store are asked for so many at a time, ahead of the rows: one answer takes long, many do not
# take longer.
_CAPTIONS_AT_ONCE: Final = 32


def list_videos(folder: Place, content: FolderContent) -> Listing:
    """The videos with their captions from `NAME.mp4.txt` or `NAME.txt`; what cannot be followed is a wrong row."""
    described, side_cars = _side_cars(content.files)
    paths = sorted([*(path for path in content.files if path not in side_cars), *content.problems], key=by_parts)
    rows = partial(_rows, folder, paths, described, _repeated(content.again, described) | content.problems)
    return Listing(count=len(paths), read=rows, left_out=tuple(folder / path for path in sorted(content.left_out)))


def has_captions(files: list[str]) -> bool:
    """Whether a text lies beside any file."""
    return bool(_side_cars(files)[1])


def _side_cars(files: list[str]) -> tuple[dict[str, str], set[str]]:
    """Texts by what they describe, `a.mp4` or `a`; and those that lie beside a file. Other texts are no captions."""
    described = {_stem(path): path for path in files if path[-len(_SIDE_CAR) :].lower() == _SIDE_CAR}
    texts = set(described.values())
    videos = (path for path in files if path not in texts)
    beside = {described[name] for path in videos for name in (path, _stem(path)) if name in described}
    return described, beside


def _repeated(again: dict[str, str], described: dict[str, str]) -> dict[str, str]:
    """Of files with a link to them, and that link: which of the two is not read, and why. A caption decides."""
    found = {}
    for link, own in again.items():
        is_described = [_text(path, described) is not None for path in (link, own)]
        if is_described == [True, False]:
            found[own] = f"is read as {link}, a link that has a caption; remove one of the two"
        else:
            found[link] = f"is a link to {own}, which is read; remove one of the two"
    return found


def _text(path: str, described: dict[str, str]) -> str | None:
    """The text beside a file."""
    return described.get(path) or described.get(_stem(path))


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _rows(folder: Place, paths: list[str], described: dict[str, str], problems: dict[str, str]) -> Iterator[Row]:
    texts = (_text(path, described) for path in paths)
    own = (None if text == path or path in problems else text for path, text in zip(paths, texts, strict=True))
    captions = _captions(folder, own)
    for number, (path, caption) in enumerate(zip(paths, captions, strict=True), start=1):
        problem = problems.get(path) or (str(caption) if isinstance(caption, Exception) else None)
        text = caption if isinstance(caption, str) else ""
        yield Row(place=f"file {path}", number=number, video=PurePosixPath(path), caption=text, problem=problem)


def _captions(folder: Place, paths: Iterable[str | None]) -> Iterator[str | Exception]:
    """What each text says, or why it cannot be read; where there is none, it says nothing."""
    if isinstance(folder, Path):
        yield from (_caption(folder, path) for path in paths)
        return
    with ThreadPoolExecutor(_CAPTIONS_AT_ONCE) as pool:
        waiting: deque[Future[str | Exception]] = deque()
        for path in paths:
            waiting.append(pool.submit(_caption, folder, path))
            if len(waiting) >= _CAPTIONS_AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _caption(folder: Place, path: str | None) -> str | Exception:
    try:
        return read_text(folder / path) if path is not None else ""
    except (ValueError, OSError) as error:
        return error
