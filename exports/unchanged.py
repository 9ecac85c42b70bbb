"""Whether a source is still the file that was curated.

Its row tells nothing of it that is cheaper to compare than its SHA-256, neither size nor time, and another file of the
same length at the same path would be cut without a word. So the file is hashed, once for all clips that are cut out of
it, at a gigabyte a second; decoding and encoding go through some megabytes in that time. What lies in a store is not
hashed: of that the span alone is fetched.
"""

from functools import lru_cache
from hashlib import file_digest
from os import stat_result
from pathlib import Path
from typing import Final

from dataset_schema import Source
from exports.refusal import Reason, Refused
from storage.address import Place

_DIGITS_SHOWN: Final = 12


def expect_unchanged(file: Place, source: Source) -> None:
    """Refuse a clip whose source is another file by now; one that nobody hashed is taken as it is.

    Args:
        file: where the source lies.
        source: as its row has it.

    Raises:
        Refused: it is another file, or is gone.
    """
    if source.content_sha256 is None or not isinstance(file, Path):
        return
    try:
        found = _sha256(file, _marks(file.stat()))
    except OSError as error:
        raise Refused(Reason.NO_VIDEO, f"its source {file} cannot be read any more: {error.strerror}") from error
    if found != source.content_sha256:
        raise Refused(
            Reason.CHANGED_SOURCE,
            f"its source {file} is another file by now (SHA-256 {found[:_DIGITS_SHOWN]}..., expected "
            f"{source.content_sha256[:_DIGITS_SHOWN]}...); bring the former one back, curate again, or take what was "
            "published: --options.cut.footage published",
        )


def _marks(found: stat_result) -> tuple[int, int, int]:
    """With another of these, a file is hashed again."""
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=4096)
def _sha256(file: Path, marks: tuple[int, int, int]) -> str:
    del marks
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()
