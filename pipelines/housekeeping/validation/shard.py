"""One shard: whether its bytes are those that were written, and what is wrong in its rows."""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_schema import TABLES, MediaPlaces, Payload, Sample, from_rows, media_places, open_shard
from pipelines.housekeeping.validation.findings import Check, Finding, Report
from pipelines.housekeeping.validation.media import Videos
from pipelines.housekeeping.validation.rows import Record, check_row, pictures_of
from storage.address import Place, path_below
from storage.local_copy import local_copy

# Our choice: of one check in one shard; one that is wrong as a whole is no thousand findings.
_MOST_ALIKE: Final = 20
_BUFFER_BYTES: Final = 2**18
_ROWS_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob:
    """What to look at.

    Attributes:
        root: of the dataset.
        kind: of the rows.
        videos: how much of each is decoded.
    """

    root: Place
    path: Place
    kind: type[Record]
    videos: Videos


def check_shard(job: ShardJob) -> Report:
    """Look at every row of a shard. Damaged pages are named, and what can still be read is looked at all the same."""
    with local_copy(job.path) as copy:
        seen = _Seen(job, copy)
        try:
            seen.look(checks_pages=True)
        except ValueError as error:
            seen.damaged(str(error))
        return seen.report


class _Seen:
    """The report of one shard, as it grows."""

    def __init__(self, job: ShardJob, copy: Path) -> None:
        self.report = Report(looked_at=Counter(shards=1))
        self._job = job
        self._copy = copy
        self._rows = 0
        self._alike: Counter[Check] = Counter()

    def look(self, *, checks_pages: bool) -> None:
        """Look at the rows that nobody has looked at yet.

        Raises:
            ValueError: the file cannot be read, or not on.
        """
        job = self._job
        with _opened(job, self._copy, checks_pages=checks_pages) as file, self._copy.open("rb") as content:
            places = media_places(file)
            for number, row in enumerate(islice(_rows(file), self._rows, None), start=self._rows):
                self._rows = number + 1
                try:
                    (record,) = from_rows([row], job.kind)
                except (ValueError, TypeError) as error:
                    self._add(Check.ROW, number, row, str(error), f"a row of {TABLES[job.kind].folder}")
                    continue
                self._look_at(record, row, number)
                if places is not None and _media(record) != list(_read_media(content, places, number)):
                    self._add(Check.PLACE, number, row, "its media are not where the footer says", "them there")

    def damaged(self, problem: str) -> None:
        """Name the damaged pages, and look at what can be read all the same."""
        pages = list(_damaged_pages(self._job, self._copy))
        for column, row in pages:
            self._add(
                Check.PAGE, row, None, f"column {column} is not as it was written", "bytes that fit their checksum"
            )
        if pages:
            try:
                self.look(checks_pages=False)
            except ValueError as error:
                problem = str(error)
            else:
                return
        self._add(Check.SHARD, None, None, problem, "a shard that reads")

    def _look_at(self, record: Record, row: dict[str, Any], number: int) -> None:
        self.report.looked_at[TABLES[self._job.kind].folder] += 1
        for seen in check_row(record, row, self._job.root, self._job.videos):
            if isinstance(seen, Counter):
                self.report.looked_at += seen
            else:
                self._add(seen.check, number, row, seen.found, seen.expected)

    def _add(self, check: Check, row: int | None, values: dict[str, Any] | None, found: str, expected: str) -> None:
        self._alike[check] += 1
        if self._alike[check] > _MOST_ALIKE:
            return
        self.report.findings.append(
            Finding(
                check=check,
                where=path_below(self._job.path, self._job.root).as_posix(),
                row=row,
                clip_id=None if values is None else values.get("clip_id"),
                found=found,
                expected=expected,
            )
        )


def _opened(job: ShardJob, copy: Path, *, checks_pages: bool = True) -> AbstractContextManager[pq.ParquetFile]:
    return open_shard(job.path, job.kind, copy=copy, buffer_bytes=_BUFFER_BYTES, checks_pages=checks_pages)


def _rows(file: pq.ParquetFile) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, use_threads=False):
        yield from batch.to_pylist()


def _media(record: Record) -> list[bytes | None]:
    """The media of a row in the order of `MediaPlaces`."""
    payloads: list[Payload] = list(pictures_of(record).values())
    return [payload.bytes for payload in ([record.video, *payloads] if isinstance(record, Sample) else payloads)]


def _read_media(content: BinaryIO, places: MediaPlaces, row: int) -> Iterator[bytes | None]:
    for offset, length in zip(places.offsets[row].as_py(), places.lengths[row].as_py(), strict=True):
        if offset is not None:
            content.seek(offset)
        yield None if offset is None else content.read(length)


def _damaged_pages(job: ShardJob, copy: Path) -> Iterator[tuple[str, int]]:
    """Each column with a page that fails its checksum, and the first row in it."""
    try:
        with _opened(job, copy) as file:
            for number in range(len(file.schema)):
                column = file.schema.column(number).path
                if _sound_rows(file, column, _ROWS_AT_ONCE) < file.metadata.num_rows:
                    yield column, _sound_rows(file, column, 1)
    except ValueError:
        return  # not one column can be read


def _sound_rows(file: pq.ParquetFile, column: str, rows_at_once: int) -> int:
    """How many rows of a column are sound before the first that is not."""
    rows = 0
    try:
        for batch in file.iter_batches(batch_size=rows_at_once, columns=[column], use_threads=False):
            rows += batch.num_rows
    except (pa.ArrowException, OSError):
        return rows
    return rows
