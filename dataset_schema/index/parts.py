"""A part of the index: one Parquet file in `DATASET/index/`, and in its footer which rows of which shards it holds."""

import json
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_schema.index.columns import INDEX_SCHEMA, INDEX_VERSION
from dataset_schema.shard import INDEX_FOLDER
from storage.address import Place, to_read
from storage.whole_files import whole_file

_logger = logging.getLogger(__name__)

_HEAD_KEY: Final = b"openalchemist_index"
_NAME: Final = re.compile(r"part-(\d+)\.parquet")

# Our choice: reading one clip's text takes its whole row group, and every row group makes the footer longer. Of a
# million rows, with 1024 / 2048 / 4096 a group, a clip's text takes 2 / 3 / 7 ms of a core, and a query of three scores
# by DuckDB .44 / .23 / .22 s.
GROUP_ROWS: Final = 2048

# Columns whose values come again and again; of the others a dictionary would only be tried, and given up.
_REPEATED: Final = (
    *("outcome", "stage", "reason", "bucket", "shard"),
    *(f"{words}.list.element" for words in ("subjects", "objects", "backgrounds")),
    *(f"entities.list.element.{name}" for name in ("word", "kind", "same_as")),
    "more.list.element.name",
)


class Covered(NamedTuple):
    """A shard of which a part holds every row, one after the other, and how large it was."""

    shard: str
    size_bytes: int
    num_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part that can be read.

    Attributes:
        covered: its rows, shard by shard.
        group_ends: how many rows there are up to the end of each row group.
    """

    path: Place
    covered: tuple[Covered, ...]
    group_ends: tuple[int, ...]
    metadata: pq.FileMetaData

    @property
    def num_rows(self) -> int:
        """How many rows it has, whether or not their shards are still there."""
        return sum(each.num_rows for each in self.covered)

    def read(self, rows: range, columns: Sequence[str]) -> pa.Table:
        """Some rows, in order.

        Raises:
            OSError: another part has taken its place since, or the file is damaged.
            pa.ArrowException: the file is damaged.
        """
        starts = (0, *self.group_ends)
        groups = [n for n, end in enumerate(self.group_ends) if end > rows.start and starts[n] < rows.stop]
        with pq.ParquetFile(to_read(self.path), metadata=self.metadata, page_checksum_verification=True) as file:
            table: pa.Table = file.read_row_groups(groups, columns=list(columns), use_threads=len(groups) > 1)
        return table.slice(rows.start - starts[groups[0]] if groups else 0, len(rows))


def part_paths(dataset: Place) -> list[Place]:
    """The parts of a dataset's index, the newest first."""
    folder = dataset / INDEX_FOLDER
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((path for path in found if _NAME.fullmatch(path.name)), key=_number, reverse=True)


def open_part(path: Place, dataset_id: str) -> Part | None:
    """A part of the index of this dataset; for what is none, None and a line in the log.

    Raises:
        FileNotFoundError: it is not there any more.
    """
    try:
        with pq.ParquetFile(to_read(path)) as file:
            metadata, schema = file.metadata, file.schema_arrow
        covered = _covered(metadata, schema, dataset_id)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        problem = " ".join(str(error).split())
        _logger.warning("%s is passed over, its rows are derived from the shards again: %s", path, problem)
        return None
    rows = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    return Part(path=path, covered=covered, group_ends=tuple(accumulate(rows)), metadata=metadata)


def write_part(dataset: Place, dataset_id: str, covered: Sequence[Covered], rows: Iterable[pa.Table]) -> None:
    """Write the rows of some shards as the newest part; they are taken as they are written."""
    number = 1 + max(map(_number, part_paths(dataset)), default=0)
    head = {"version": INDEX_VERSION, "dataset": dataset_id, "shards": covered}
    schema = INDEX_SCHEMA.with_metadata({_HEAD_KEY: json.dumps(head)})
    with (
        whole_file(dataset / INDEX_FOLDER / f"part-{number:05d}.parquet") as written,
        pq.ParquetWriter(
            written, schema, compression="zstd", use_dictionary=list(_REPEATED), write_page_checksum=True
        ) as writer,
    ):
        for group in _groups(rows):
            writer.write_table(group.replace_schema_metadata(schema.metadata))


def _covered(metadata: pq.FileMetaData, schema: pa.Schema, dataset_id: str) -> tuple[Covered, ...]:
    """What the footer says the part holds, or ValueError why it is not to be used."""
    head = json.loads(metadata.metadata[_HEAD_KEY])
    if head["version"] != INDEX_VERSION or not schema.equals(INDEX_SCHEMA):
        raise ValueError(f"it is of index version {head['version']}, expected {INDEX_VERSION}")
    if head["dataset"] != dataset_id:
        raise ValueError(f"it belongs to the dataset with id {head['dataset']!r}, expected {dataset_id!r}")
    covered = tuple(Covered(*shard) for shard in head["shards"])
    if (rows := sum(each.num_rows for each in covered)) != metadata.num_rows:
        raise ValueError(f"it has {metadata.num_rows} rows, expected {rows}")
    return covered


def _groups(tables: Iterable[pa.Table]) -> Iterable[pa.Table]:
    """The same rows in tables of one row group each; of each few-valued column with one dictionary."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        while sum(map(len, waiting)) >= GROUP_ROWS:
            together = pa.concat_tables(waiting)
            yield together.slice(0, GROUP_ROWS).unify_dictionaries()
            waiting = [together.slice(GROUP_ROWS)]
    if any(map(len, waiting)):
        yield pa.concat_tables(waiting).unify_dictionaries()


def _number(path: Place) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0
