"""Reads row groups of many shards in any order and from any thread."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from storage.address import Place, to_read

Shard = TypeVar("Shard", bound=Place)

# Footers kept, of some 100 kB each: parsing one takes longer than reading a row.
_FOOTERS_IN_MEMORY = 64


class RowGroupReader(Generic[Shard]):
    """Row groups of shards by number.

    Args:
        shards: the files.
        open_shard: opens one after checking it.
        advice: what to do about a shard that turns out damaged.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        open_shard: Callable[[Shard], AbstractContextManager[pq.ParquetFile]],
        *,
        advice: str,
    ) -> None:
        self._shards = shards
        self._open = open_shard
        self._advice = advice
        self._footer = lru_cache(maxsize=_FOOTERS_IN_MEMORY)(self._read_footer)

    def read(self, shard: int, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One row group.

        Raises:
            ValueError: the shard is damaged.
        """
        path = self._shards[shard]
        try:
            with pq.ParquetFile(to_read(path), metadata=self._footer(shard)) as file:
                return file.read_row_group(group, columns=None if columns is None else list(columns), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            problem = " ".join(str(error).split())
            raise ValueError(f"shard {path} cannot be read at row group {group} ({problem}); {self._advice}") from error

    def _read_footer(self, shard: int) -> pq.FileMetaData:
        with self._open(self._shards[shard]) as file:
            return file.metadata
