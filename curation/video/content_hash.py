"""SHA-256 of a source's bytes, taken while its file is at hand, so that nothing is fetched again for it."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from video_reading.fetched_file import FetchedFile
from video_reading.opening import VideoFile

_BLOCK_BYTES: Final = 1 << 20
# Our choice: the spans of one film come one after the other, and are hashed once.
_REMEMBERED_FILES: Final = 64


def content_sha256(file: VideoFile) -> str:
    """The hash of a file's whole content, in hexadecimal; what a store has not given yet is fetched.

    Raises:
        OSError: a file on this machine cannot be read to its end.
    """
    match file:
        case bytes():
            return sha256(file).hexdigest()
        case FetchedFile():
            file.seek(0)
            digest = sha256()
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
            return digest.hexdigest()
    found = file.stat()
    return _of_path(file, found.st_size, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=_REMEMBERED_FILES)
def _of_path(path: Path, *_identity: int) -> str:
    digest = sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
