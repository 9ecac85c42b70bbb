"""One shard: a Parquet file of one table, written whole or not at all.

A dataset directory has one folder per table; a shard in it that does not start with a dot is finished.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, TypeVar, overload

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_schema.arrow import (
    FAILURES_SCHEMA,
    REJECTIONS_SCHEMA,
    SAMPLES_SCHEMA,
    VERSION_KEY,
    Kind,
)
from dataset_schema.layout import write_rows, write_tables
from dataset_schema.records import FailedClip, RejectedClip, Sample
from dataset_schema.replacement import MANIFEST_NAME, replacement_of
from dataset_schema.rows import Row, from_row, missing_columns, to_row
from dataset_schema.version import SCHEMA_VERSION, SchemaVersion, check_version
from storage.address import Place, path_below, sized_files, to_read
from storage.local_copy import local_copy
from storage.whole_files import whole_file

Record = TypeVar("Record", bound=Sample | RejectedClip | FailedClip)

INDEX_FOLDER = "index"

# What is made of a dataset and lies in it.
_DERIVED_FOLDERS = frozenset({INDEX_FOLDER, "cache"})

# How tools name the levels of a list in a Parquet file.
_LIST_LEVELS = frozenset({"list", "element", "item", "array", "bag", "array_element"})

# A row group may be a whole file, whose records are read about so many bytes at a time, and at most so many of them.
_BYTES_AT_ONCE = 2**22
_ROWS_AT_ONCE = 4096
# Some hundred columns stream at a time.
_BUFFER_BYTES = 2**18


@dataclass(frozen=True, slots=True)
class Table:
    """One of the three tables of a dataset."""

    folder: str
    schema: pa.Schema


_SAMPLES = Table("samples", SAMPLES_SCHEMA)
_REJECTIONS = Table("rejections", REJECTIONS_SCHEMA)
_FAILURES = Table("failures", FAILURES_SCHEMA)

TABLES: dict[Kind, Table] = {
    Sample: _SAMPLES,
    RejectedClip: _REJECTIONS,
    FailedClip: _FAILURES,
}


@overload
def shard_paths(dataset: Path, kind: Kind) -> list[Path]: ...
@overload
def shard_paths(dataset: Place, kind: Kind) -> list[Place]: ...
def shard_paths(dataset: Place, kind: Kind) -> Any:
    """The finished shards of one table, sorted by name; empty where the table has none."""
    return [path for path, _ in sized_shards(dataset, kind)]


def sized_shards(dataset: Place, kind: Kind) -> list[tuple[Place, int]]:
    """The finished shards of one table, as `shard_paths` gives them, and how many bytes each has.

    Where shards take the place of others, those that are a part of the dataset now (`replacing.py`). What other tools
    select has no folder for each table: a file, or a folder with nothing but files, is all samples.

    Raises:
        FileNotFoundError: as `expect_no_datasets_below`.
    """
    folder = dataset / TABLES[kind].folder
    if found := _parquet_files(folder):
        replaced = replacement_of(dataset)
        return [each for each in found if replaced is None or not replaced.hides(folder.name, each[0].name)]
    if kind is not Sample or any((dataset / table.folder).is_dir() for table in TABLES.values()):
        return []
    if dataset.is_file():
        return [(dataset, dataset.stat().st_size)]
    expect_no_datasets_below(dataset)
    return _parquet_files(dataset)


def expect_samples(dataset: Place) -> list[tuple[Place, int]]:
    """The shards of samples, as `sized_shards` gives them: one at least.

    Raises:
        FileNotFoundError: there is nothing, nothing was kept, or as `expect_no_datasets_below`.
    """
    if not dataset.exists():
        raise FileNotFoundError(f"dataset {dataset} does not exist; expected what `curate` or `select` wrote")
    if shards := sized_shards(dataset, Sample):
        return shards
    is_curated = (dataset / MANIFEST_NAME).is_file()
    hint = "no clip was kept: make inspect says why" if is_curated else "expected what `curate` or `select` wrote"
    raise FileNotFoundError(f"dataset {dataset} has no samples; {hint}")


def expect_no_datasets_below(folder: Place) -> None:
    """Refuse a folder that is no dataset and holds some: its Parquet files are not one table.

    Raises:
        FileNotFoundError: it does; the message names one.
    """
    tables = {table.folder for table in TABLES.values()}
    holders = {path.parent.parent for path, _ in _parquet_files(folder) if path.parent.name in tables}
    found = sorted(str(holder) for holder in holders if (holder / MANIFEST_NAME).is_file())
    if found:
        more = f", or another of the {len(found)} in it" if len(found) > 1 else ""
        raise FileNotFoundError(f"{folder} is no dataset, it holds some; give {found[0]}{more}")


@overload
def dataset_root(dataset: Path) -> Path: ...
@overload
def dataset_root(dataset: Place) -> Place: ...
def dataset_root(dataset: Place) -> Place:
    """The directory of the dataset that `dataset` is, or is a file or folder of: relative paths start there."""
    if dataset.is_dir() and (dataset / _SAMPLES.folder).is_dir():
        return dataset
    above = (dataset, *dataset.absolute().parents[:2])
    described = [folder for folder in above if (folder / MANIFEST_NAME).is_file()]
    return described[0] if described else dataset if dataset.is_dir() else dataset.parent


def _parquet_files(folder: Place) -> list[tuple[Place, int]]:
    """All below a folder, but what tools hide, a cache and an index; of a folder that is not there, none."""
    return sorted(each for each in sized_files(folder, "*.parquet") if _is_shown(path_below(each[0], folder)))


def _is_shown(path: PurePath) -> bool:
    return path.parts[0] not in _DERIVED_FOLDERS and not any(part[0] in "._" for part in path.parts)


def write_shard(path: Place, records: Sequence[Sample | RejectedClip | FailedClip]) -> None:
    """Write records of one kind to `path`; after a crash the file is there whole, or not at all.

    Raises:
        ValueError: no records, or records of several kinds.
    """
    kinds = {type(record) for record in records}
    if len(kinds) != 1:
        found = ", ".join(sorted(kind.__name__ for kind in kinds)) or "no records"
        raise ValueError(f"shard {path} would hold {found}, expected records of one kind")
    with whole_file(path) as written:
        write_rows(written, TABLES[kinds.pop()].schema, map(to_row, records))


def write_shard_of_tables(path: Place, kind: Kind, tables: Iterable[pa.Table]) -> None:
    """As `write_shard`, of rows that are Arrow already: what `read_tables` gives, or `to_table`.

    Raises:
        ValueError: no rows.
    """
    with whole_file(path) as written:
        if not write_tables(written, TABLES[kind].schema, tables):
            raise ValueError(
                f"shard {path} would hold no rows, expected one or more; a table without rows has no shard"
            )


def write_row_groups(path: Place, schema: pa.Schema, groups: Iterable[pa.Table]) -> None:
    """Write row groups to a Parquet file; after a crash the file is there whole, or not at all.

    They are taken one after the other, so that no more than one need stand in memory.
    """
    with whole_file(path) as written, pq.ParquetWriter(written, schema, compression="zstd") as writer:
        for group in groups:
            writer.write_table(group)


def read_shard(path: Place, kind: type[Record], *, whole: bool = False) -> Iterator[Record]:
    """The records of one shard; some megabytes of them are in memory at a time, however large its row groups are.

    Args:
        path: of the shard.
        kind: what its rows are.
        whole: all of them will be taken: a shard in a store is then fetched at once, instead of piece by piece.

    Raises:
        ValueError: the file is no Parquet file, of another major version, lacks a column, or a row contradicts itself.
    """
    with (
        local_copy(path) if whole else nullcontext() as copy,
        open_shard(path, kind, copy=copy, buffer_bytes=_BUFFER_BYTES) as file,
    ):
        for batch in file.iter_batches(batch_size=_rows_at_once(file.metadata), use_threads=False):
            yield from _records(path, batch, kind)


def read_tables(path: Place, kind: Kind) -> Iterator[pa.Table]:
    """All rows of one shard as Arrow tables of the present schema, some megabytes at a time.

    Rows of this version are carried over as they are; those of an older one, or of another tool, become records first.
    A shard in a store is fetched at once.

    Raises:
        ValueError: as `read_shard`; a row that contradicts itself is told only where it becomes a record.
    """
    schema = TABLES[kind].schema
    with local_copy(path) as copy, open_shard(path, kind, copy=copy, buffer_bytes=_BUFFER_BYTES) as file:
        is_present = shard_version(file) == SCHEMA_VERSION and file.schema_arrow.equals(schema)
        for batch in file.iter_batches(batch_size=_rows_at_once(file.metadata), use_threads=False):
            rows = pa.Table.from_batches([batch]) if is_present else to_table(_records(path, batch, kind), kind)
            yield rows.replace_schema_metadata(schema.metadata)


def to_table(records: Iterable[Sample | RejectedClip | FailedClip], kind: Kind) -> pa.Table:
    """Records of one kind as rows of its table."""
    return pa.Table.from_pylist(list(map(to_row, records)), schema=TABLES[kind].schema)


def _records(path: Place, batch: pa.RecordBatch, kind: type[Record]) -> list[Record]:
    rows = batch.to_pylist()
    try:
        return list(from_rows(rows, kind))
    except ValueError as error:
        raise ValueError(f"shard {path}: {error}") from error


def _rows_at_once(footer: pq.FileMetaData) -> int:
    size_bytes: int = sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups))
    num_rows: int = footer.num_rows
    return min(max(_BYTES_AT_ONCE * num_rows // max(size_bytes, 1), 1), _ROWS_AT_ONCE)


@contextmanager
def open_shard(
    path: Place, kind: type[Record], *, copy: Path | None = None, buffer_bytes: int = 0, checks_pages: bool = True
) -> Iterator[pq.ParquetFile]:
    """The opened shard, after a check of its version and its columns.

    A file that another tool wrote, a selection say, has no version: its columns tell whether it can be read.

    Args:
        path: of the shard.
        kind: what its rows are.
        copy: where its content is read from, instead of its place (`local_copy`).
        buffer_bytes: how much of each column is read at a time. With 0 whatever is asked for is read at once, in few
            requests: right for numbers and words, and too much memory for all media of a row group.
        checks_pages: each page that is read is held against its checksum. Whoever looks at damage reads on without.

    Raises:
        ValueError: as `read_shard`; also where the damage shows when the file is read in the block.
    """
    try:
        with pq.ParquetFile(
            copy or to_read(path),
            buffer_size=buffer_bytes,
            pre_buffer=not buffer_bytes,
            page_checksum_verification=checks_pages,
        ) as file:
            _check(path, file.schema_arrow, kind)
            yield file
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system says it: there is no such file, or the disk is broken
        problem = " ".join(str(error).split())
        raise ValueError(
            f"shard {path} cannot be read ({problem}); delete it and curate again to redo its clips, or write it anew"
        ) from error


def shard_version(file: pq.ParquetFile) -> SchemaVersion | None:
    """The schema version of an opened shard; None of a file that another tool wrote."""
    found = (file.schema_arrow.metadata or {}).get(VERSION_KEY)
    return None if found is None else SchemaVersion.parse(found.decode())


def _check(path: Place, schema: pa.Schema, kind: type[Record]) -> None:
    found = (schema.metadata or {}).get(VERSION_KEY)
    if found is not None:
        check_version(found.decode(), where=f"shard {path}")
    if missing := missing_columns(schema, kind):
        raise ValueError(
            f"shard {path} lacks {', '.join(missing)}; a selection must keep these columns: take all of them, or let "
            "`select` make it"
        )


def from_rows(rows: Iterable[Row], kind: type[Record]) -> Iterator[Record]:
    """The records of rows that `to_row` made."""
    for row in rows:
        yield from_row(row, kind)


def leaves(file: pq.ParquetFile, names: Iterable[str]) -> list[str]:
    """The Parquet paths of columns such as `entities.word`, whichever tool wrote the file, without those it lacks."""
    wanted = frozenset(names)
    return [path for path in leaf_paths(file) if _without_list_levels(path) in wanted]


def leaves_without(file: pq.ParquetFile, names: Iterable[str]) -> list[str]:
    """All Parquet paths but those of columns such as `entities.word`."""
    left_out = frozenset(names)
    return [path for path in leaf_paths(file) if _without_list_levels(path) not in left_out]


def leaf_paths(file: pq.ParquetFile) -> list[str]:
    """The Parquet paths of all columns, as the tool that wrote the file names them.

    Not by `file.schema`: that and the footer hold each other, and both stay in memory until a garbage collection.
    """
    return [".".join(path) for path in file.reader.column_paths]


def _without_list_levels(path: str) -> str:
    return ".".join(level for level in path.split(".") if level not in _LIST_LEVELS)
