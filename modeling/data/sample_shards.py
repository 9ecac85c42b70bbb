"""The shards that hold the samples of a dataset, and whether clips can be read from them one by one."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from dataset_schema import Sample, dataset_root, leaves, open_shard, shard_paths
from dataset_schema.rows import Row
from modeling.data.row_groups import RowGroupReader

# Every read of a clip takes its whole row group. Our choice: curated groups have four rows, whatever their size; other
# tools put a whole file into one, and up to this size that does no harm.
_GROUP_BYTES: Final = 2**28
_GROUP_ROWS: Final = 4


class SampleShards:
    """The shards by number, and their row groups; any thread may read.

    Args:
        dataset: what `curate` or `select` wrote; or a selection by another tool, one Parquet file or a folder of them.

    Attributes:
        paths: of the shards.
        root: the directory that relative paths start from, and that holds the cache.

    Raises:
        FileNotFoundError: there is no dataset.
        ValueError: nobody can tell which files are meant.
    """

    def __init__(self, dataset: Path) -> None:
        if not dataset.exists():
            raise FileNotFoundError(f"dataset {dataset} does not exist; expected what `curate` or `select` wrote")
        if dataset.is_file() and dataset.suffix != ".parquet":
            raise ValueError(f"dataset {dataset} is a file, expected one named .parquet, or a directory")
        self.root = dataset_root(dataset)
        self.paths = shard_paths(dataset, Sample)
        _expect_one_table(dataset, self.paths)
        self._groups = RowGroupReader(self.paths, _opened, advice="delete it and curate again to redo its clips")

    def row_groups(self, leaf_names: Sequence[str]) -> Iterator[tuple[int, int, list[Row]]]:
        """Shard, number and rows of every row group, with these leaves alone.

        Raises:
            ValueError: a shard is unreadable, or a row group too large to be read for every clip in it.
        """
        for shard, path in enumerate(self.paths):
            with _opened(path) as file:
                columns = leaves(file, leaf_names)
                _expect_small_groups(path, file.metadata)
                groups = file.num_row_groups
            for group in range(groups):
                yield shard, group, self.read(shard, group, columns)

    def read(self, shard: int, group: int, columns: Sequence[str]) -> list[Row]:
        """The rows of one row group.

        Raises:
            ValueError: the shard is damaged.
        """
        rows: list[Row] = self._groups.read(shard, group, columns).to_pylist()
        return rows

    def read_row(self, shard: int, group: int, row: int, columns: Sequence[str]) -> Row:
        """One row, as `read`."""
        (found,) = self._groups.read(shard, group, columns).slice(row, 1).to_pylist()
        return dict(found)


def _opened(path: Path) -> AbstractContextManager[pq.ParquetFile]:
    return open_shard(path, Sample)


def _expect_one_table(dataset: Path, shards: Sequence[Path]) -> None:
    beside = [path for path in sorted(dataset.glob("*.parquet")) if path.is_file() and path not in shards]
    if beside and shards:
        raise ValueError(
            f"dataset {dataset} has {beside[0].name} beside its folder samples, and only one of them can be meant; "
            f"name {beside[0]}, or move it elsewhere"
        )


def _expect_small_groups(path: Path, footer: pq.FileMetaData) -> None:
    for group in range(footer.num_row_groups):
        found = footer.row_group(group)
        if found.total_byte_size > _GROUP_BYTES and found.num_rows > _GROUP_ROWS:
            raise ValueError(
                f"shard {path} has {found.num_rows} rows of {found.total_byte_size >> 20} MB in one row group, which "
                f"every read of a clip takes whole; divide it: make select DATASET={path} OUTPUT=..."
            )
