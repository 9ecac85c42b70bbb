"""Takes clips out of the cache of latents and text tokens (`cache_table.py`), without knowing encoders or values."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_schema import write_row_groups
from modeling.data.cache import held_for_writing
from modeling.data.cache_table import shard_of_keys
from modeling.data.entry_places import EntryKey


@contextmanager
def cache_at_rest(dataset: Path) -> Iterator[None]:
    """Nobody writes the cache of a dataset within the block, and what a killed command left half written is gone.

    Raises:
        BusyError: another command writes it.
    """
    with held_for_writing(dataset):
        for left in (dataset / "cache").glob("*/.*.tmp"):
            left.unlink()
        yield


def find_cached(dataset: Path, clip_ids: Collection[str]) -> dict[str, int]:
    """How many entries of these clips there are in which shards, by their paths below the dataset.

    Raises:
        ValueError: a shard cannot be read.
    """
    found = {}
    for path in _shards(dataset):
        is_meant = _is_meant(_keys(path), clip_ids)
        if count := pc.sum(is_meant).as_py():
            found[path.relative_to(dataset).as_posix()] = count
    return found


def forget_cached(dataset: Path, clip_ids: Collection[str]) -> None:
    """Write every shard with entries of these clips anew without them; one that was killed between is done again.

    Raises:
        ValueError: a shard cannot be read.
    """
    for name in find_cached(dataset, clip_ids):
        path = dataset / name
        keys = _keys(path)
        staying = keys.filter(pc.invert(_is_meant(keys, clip_ids))).to_pylist()
        if staying:
            written = path.with_name(shard_of_keys([EntryKey(**key) for key in staying]))
            with pq.ParquetFile(path) as file:
                write_row_groups(written, file.schema_arrow, _staying(file, clip_ids))
        path.unlink()


def _shards(dataset: Path) -> list[Path]:
    return sorted((dataset / "cache").glob("*/[!.]*.parquet"))


def _keys(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, columns=list(EntryKey._fields), partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"cache shard {path} cannot be read ({error}); delete it: `make cache` makes its entries anew"
        ) from error


def _is_meant(rows: pa.Table, clip_ids: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(rows["clip_id"], pa.array(sorted(clip_ids), pa.string()))


def _staying(file: pq.ParquetFile, clip_ids: Collection[str]) -> Iterator[pa.Table]:
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group)
        staying = rows.filter(pc.invert(_is_meant(rows, clip_ids)))
        if len(staying):
            yield staying
