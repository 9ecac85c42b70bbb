"""A dataset made of others: written beside its place, then put there as a whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.execution.card import write_card
from curation.execution.outcomes import Outcome
from dataset_schema import DatasetManifest, Kind, Payload, Sample, from_rows, refresh_index, to_table, write_manifest
from storage.lock import held_alone
from storage.whole_files import publish, unfinished

_LOCK_NAME: Final = ".select.lock"


def expect_new(output: Path, *, what: str) -> None:
    """Refuse a directory in which something is.

    Raises:
        ValueError: it is there; the message says that `what` is written whole.
    """
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise ValueError(f"{output} exists; {what} is written whole, name a new directory")


@contextmanager
def whole_dataset(output: Path) -> Iterator[Path]:
    """Where to write a dataset, its head and card included; it takes its place at the end of the block.

    Raises:
        BusyError: another process writes it.
    """
    written = unfinished(output)
    with held_alone(written / _LOCK_NAME, busy=f"{output} is being written by another command; wait for its end"):
        for rest in written.iterdir():
            if rest.is_dir():
                shutil.rmtree(rest)  # of a command that was killed
        yield written
        (written / _LOCK_NAME).unlink()
        publish(output)


def write_head(dataset: Path, manifest: DatasetManifest) -> None:
    """Write `dataset.json`, the index and the card."""
    write_manifest(dataset, manifest)
    refresh_index(dataset)
    write_card(dataset, manifest)


def with_whole_paths(record: Outcome, root: Path) -> Outcome:
    """The record for a dataset that lies elsewhere than `root`: a video that lies beside the shards stays there."""
    if not isinstance(record, Sample) or record.video.bytes is not None or "://" in str(record.video.path):
        return record
    return replace(record, video=Payload(path=str((root / str(record.video.path)).absolute())))


def rows_with_whole_paths(rows: pa.Table, kind: Kind, root: Path) -> pa.Table:
    """As `with_whole_paths`; rows become records only where a video may lie beside the shards."""
    if kind is not Sample or not pc.struct_field(rows["video"], "bytes").null_count:
        return rows
    return to_table([with_whole_paths(record, root) for record in from_rows(rows.to_pylist(), Sample)], Sample)
