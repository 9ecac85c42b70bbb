"""The files of a part: written and hashed by threads beside the work, because neither holds the interpreter."""

import io
import tarfile
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from exports.clip import ExportedClip, File
from exports.form import Row
from exports.ledger import Entry, RefusedEntry, WrittenEntry
from exports.rendering import RenderedClip

_THREADS: Final = 4
# Our choice: so many clips may be in memory because their files are not written yet.
_CLIPS_AHEAD: Final = 8

# Our choice: a video in a few pieces; what tarfile takes itself is 16 KiB.
_COPIED_BYTES: Final = 2**20


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
        packed = (
            None if tar is None else stack.enter_context(tarfile.TarFile(folder / tar, "w", copybufsize=_COPIED_BYTES))
        )
        for each in rendered:
            ahead.append(each if isinstance(each, RefusedEntry) else _begin(each, folder, packed, threads))
            if len(ahead) > _CLIPS_AHEAD:
                entries.append(_finish(ahead.popleft()))
        entries += map(_finish, ahead)
    if tar is not None and not any(isinstance(entry, WrittenEntry) for entry in entries):
        (folder / tar).unlink()
    return entries


@dataclass(frozen=True, slots=True)
class _Begun:
    """A clip whose files are being written."""

    clip: ExportedClip
    row: Row
    files: dict[str, Future[File]]
    written: list[Future[None]]


def _begin(rendered: RenderedClip, folder: Path, packed: tarfile.TarFile | None, threads: Executor) -> _Begun:
    files = {name: threads.submit(_hashed, name, content) for name, content in rendered.files.items()}
    written = []
    for name, content in rendered.files.items():
        if packed is None:
            written.append(threads.submit(_put, folder / name, content))
        else:
            _pack(packed, name, content)
    return _Begun(rendered.clip, rendered.row, files, written)


def _finish(begun: _Begun | RefusedEntry) -> Entry:
    if isinstance(begun, RefusedEntry):
        return begun
    for written in begun.written:
        written.result()
    clip, found = begun.clip, {name: hashed.result() for name, hashed in begun.files.items()}
    clip = replace(
        clip,
        video=replace(clip.video, file=found.get(clip.video.file.name, File(name=""))),
        pictures=tuple(replace(picture, file=found[picture.file.name]) for picture in clip.pictures),
        texts=tuple(found[text.name] for text in clip.texts),
    )
    return WrittenEntry(clip=clip, row=begun.row)


def _hashed(name: str, content: bytes) -> File:
    return File(name=name, sha256=sha256(content).hexdigest(), size_bytes=len(content))


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _pack(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
