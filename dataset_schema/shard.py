"""One shard: a Parquet file of one table, written whole or not at all.

A dataset directory has one folder per table; a shard in it that does not start with a dot is finished.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_schema.arrow import (
    FAILURES_SCHEMA,
    REJECTIONS_SCHEMA,
    SAMPLES_SCHEMA,
    VERSION_KEY,
    Row,
    failed_clip_from_row,
    rejected_clip_from_row,
    sample_from_row,
    to_row,
)
from dataset_schema.records import SCHEMA_VERSION, FailedClip, RejectedClip, Sample

Record = TypeVar("Record", Sample, RejectedClip, FailedClip)

# Rows hold pictures and videos of some megabytes, and a reader that wants one clip reads its whole group. Still smaller
# groups would make the footers long.
_ROWS_PER_GROUP = 4


@dataclass(frozen=True, slots=True)
class Table:
    """One of the three tables of a dataset."""

    folder: str
    schema: pa.Schema


_SAMPLES = Table("samples", SAMPLES_SCHEMA)
_REJECTIONS = Table("rejections", REJECTIONS_SCHEMA)
_FAILURES = Table("failures", FAILURES_SCHEMA)

TABLES: dict[type[Sample | RejectedClip | FailedClip], Table] = {
    Sample: _SAMPLES,
    RejectedClip: _REJECTIONS,
    FailedClip: _FAILURES,
}


def shard_paths(dataset: Path, kind: type[Sample | RejectedClip | FailedClip]) -> list[Path]:
    """The finished shards of one table, sorted by name; empty where the table has none."""
    return sorted((dataset / TABLES[kind].folder).glob("[!.]*.parquet"))


def write_shard(path: Path, records: Sequence[Sample | RejectedClip | FailedClip]) -> None:
    """Write records of one kind to `path`; after a crash the file is there whole, or not at all.

    Raises:
        ValueError: no records, or records of several kinds.
    """
    kinds = {type(record) for record in records}
    if len(kinds) != 1:
        found = ", ".join(sorted(kind.__name__ for kind in kinds)) or "no records"
        raise ValueError(f"shard {path} would hold {found}, expected records of one kind")
    schema = TABLES[kinds.pop()].schema
    write_row_groups(path, schema, _row_groups(records, schema))


def write_row_groups(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> None:
    """Write row groups to a Parquet file; after a crash the file is there whole, or not at all.

    They are taken one after the other, so that no more than one need stand in memory.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for group in groups:
                    writer.write_table(group)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync(path.parent)


def _row_groups(records: Sequence[Sample | RejectedClip | FailedClip], schema: pa.Schema) -> Iterator[pa.Table]:
    for start in range(0, len(records), _ROWS_PER_GROUP):
        rows = [to_row(record) for record in records[start : start + _ROWS_PER_GROUP]]
        yield pa.Table.from_pylist(rows, schema=schema)


def read_shard(path: Path, kind: type[Record]) -> Iterator[Record]:
    """The records of one shard, one row group in memory at a time.

    Raises:
        ValueError: the file is no Parquet file, or of another schema version.
    """
    with open_shard(path) as file:
        for group in range(file.num_row_groups):
            yield from from_rows(file.read_row_group(group).to_pylist(), kind)


def open_shard(path: Path) -> pq.ParquetFile:
    """The opened shard, after a check of its schema version. The caller closes it (`with`)."""
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"shard {path} cannot be read ({error}); delete it and curate again to redo its clips"
        ) from error
    found = (file.schema_arrow.metadata or {}).get(VERSION_KEY, b"none").decode()
    if found != str(SCHEMA_VERSION):
        file.close()
        raise ValueError(f"shard {path} has schema version {found}, expected {SCHEMA_VERSION}; publish it again")
    return file


def from_rows(rows: Iterable[Row], kind: type[Record]) -> Iterator[Record]:
    """The records of rows that `to_row` made."""
    readers: dict[type, Any] = {
        Sample: sample_from_row,
        RejectedClip: rejected_clip_from_row,
        FailedClip: failed_clip_from_row,
    }
    read = readers[kind]
    for row in rows:
        yield read(row)


def sync(path: Path) -> None:
    """Make sure that a file is on disk, or the names in a directory: a rename lives there, not in the file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
