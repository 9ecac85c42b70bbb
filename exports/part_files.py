"""The files of a part: written and hashed by threads beside the work, because neither holds the interpreter.

A video that is the whole file of its source was hashed when it was curated. That hash is taken: it costs nothing, and
it tells damage since then, which a hash of what is written would not.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tarfile import BLOCKSIZE, RECORDSIZE, TarInfo
from typing import BinaryIO, Final

from exports.clip import ExportedClip, File
from exports.content import Content, pieces, size_of
from exports.form import Row
from exports.ledger import Entry, RefusedEntry, WrittenEntry
from exports.rendering import RenderedClip

_THREADS: Final = 4
# Our choice: so many clips may be in memory because their files are not written yet.
_CLIPS_AHEAD: Final = 8


def write_part(rendered: Iterable[RenderedClip | RefusedEntry], folder: Path, *, tar: str | None) -> list[Entry]:
    """Write the files of clips; gives what became of each, with the hashes of its files.

    Args:
        rendered: in order.
        folder: where names of files begin.
        tar: of a format that packs, what its tar is called; it is there only where a clip is.
    """
    entries: list[Entry] = []
    ahead: deque[_Begun | RefusedEntry] = deque()
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(_THREADS))
        packed = None if tar is None else stack.enter_context((folder / tar).open("wb"))
        for each in rendered:
            ahead.append(each if isinstance(each, RefusedEntry) else _begin(each, folder, packed, threads))
            if len(ahead) > _CLIPS_AHEAD:
                entries.append(_finish(ahead.popleft()))
        entries += map(_finish, ahead)
        if packed is not None:
            packed.write(bytes(2 * BLOCKSIZE))  # the end of a tar
            packed.write(bytes(-packed.tell() % RECORDSIZE))
    if tar is not None and not any(isinstance(entry, WrittenEntry) for entry in entries):
        (folder / tar).unlink()
    return entries


@dataclass(frozen=True, slots=True)
class _Begun:
    """A clip whose files are being written."""

    clip: ExportedClip
    row: Row
    files: Future[list[File]]


def _begin(rendered: RenderedClip, folder: Path, packed: BinaryIO | None, threads: Executor) -> _Begun:
    files = threads.submit(_written, rendered, folder if packed is None else None)
    if packed is not None:
        for name, content in rendered.files.items():
            _pack(packed, name, content)
    return _Begun(rendered.clip, rendered.row, files)


def _finish(begun: _Begun | RefusedEntry) -> Entry:
    if isinstance(begun, RefusedEntry):
        return begun
    clip, found = begun.clip, {file.name: file for file in begun.files.result()}
    clip = replace(
        clip,
        video=replace(clip.video, file=found.get(clip.video.file.name, File(name=""))),
        pictures=tuple(replace(picture, file=found[picture.file.name]) for picture in clip.pictures),
        texts=tuple(found[text.name] for text in clip.texts),
    )
    return WrittenEntry(clip=clip, row=begun.row)


def _written(rendered: RenderedClip, folder: Path | None) -> list[File]:
    """The files of a clip, hashed, and without a tar written."""
    return [
        _file(name, content, None if folder is None else folder / name, known=rendered.digests.get(name))
        for name, content in rendered.files.items()
    ]


def _file(name: str, content: Content, path: Path | None, *, known: str | None) -> File:
    """A file, hashed unless its hash is known, and written where it has a path; no more than a piece is in memory."""
    digest = sha256()
    with ExitStack() as stack:
        takers: list[Callable[[bytes | memoryview], object]] = [] if known else [digest.update]
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            takers.append(stack.enter_context(path.open("wb")).write)
        for piece in pieces(content) if takers else ():
            for take in takers:
                take(piece)
    return File(name=name, sha256=known or digest.hexdigest(), size_bytes=size_of(content))


def _pack(tar: BinaryIO, name: str, content: Content) -> None:
    """As `TarFile.addfile`, which copies every member's facts twice and its content once."""
    member = TarInfo(name)
    member.size = size_of(content)
    tar.write(member.tobuf())
    tar.writelines(pieces(content))
    tar.write(bytes(-member.size % BLOCKSIZE))
