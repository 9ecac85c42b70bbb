"""A dataset made of others, there all at once: on a disk written beside its place, in a store hidden until its end."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.execution.card import write_card
from curation.execution.lock import LOCKS, expect_held_for, locked_for_run
from curation.execution.outcomes import Outcome
from curation.execution.writer import Destination, ShardLimits
from curation.opt_outs import OptOuts, dataset_opt_outs, write_opt_outs
from dataset_schema import (
    WHOLE_RUN,
    DatasetManifest,
    Kind,
    Payload,
    Sample,
    begin_whole,
    from_rows,
    is_begun_whole,
    refresh_index,
    to_table,
    write_manifest,
)
from storage.address import Address, Place, place_beside
from storage.lock import held_alone
from storage.whole_files import publish, unfinished

_LOCK_NAME: Final = ".select.lock"


def expect_new(output: Place, *, what: str) -> None:
    """Refuse a place where something is; in a store not what a command left that was killed.

    Raises:
        ValueError: it is there; the message says that `what` is written whole.
    """
    if output.is_file() or (_holds_anything(output) and not _is_left(output)):
        kind = "address" if isinstance(output, Address) else "directory"
        raise ValueError(f"{output} exists; {what} is written whole, name a new {kind}")


@contextmanager
def whole_dataset(output: Place, limits: ShardLimits, *, what: str) -> Iterator[Destination]:
    """Where to write the shards of a dataset, then its head; it is there at the end of the block.

    Raises:
        BusyError: another process writes it.
        ValueError: as `expect_new`: another process wrote it just now.
    """
    if isinstance(output, Address):
        with locked_for_run(output) as holder:
            expect_new(output, what=what)
            begin_whole(output)
            yield Destination(dataset=output, run=WHOLE_RUN, published=frozenset(), limits=limits, holder=holder)
        return
    written = unfinished(output)
    busy = f"{output} is being written by another command; wait for its end"
    with held_alone(written / _LOCK_NAME, busy=busy) as holder:
        for rest in written.iterdir():
            if rest.is_dir():
                shutil.rmtree(rest)  # of a command that was killed
        yield Destination(dataset=written, run=WHOLE_RUN, published=frozenset(), limits=limits, holder=holder)
        (written / _LOCK_NAME).unlink()
        publish(output)


def write_head(destination: Destination, manifest: DatasetManifest, *, made_of: Iterable[Place]) -> None:
    """Write what the datasets that it is made of keep out, `dataset.json`, from which on the shards are seen, and more.

    What was forgotten from one of them may not come into this one either.
    """
    if destination.holder is not None:
        expect_held_for(destination.dataset, destination.holder)
    opt_outs = OptOuts()
    for dataset in made_of:
        opt_outs |= dataset_opt_outs(dataset)
    if opt_outs:
        write_opt_outs(destination.dataset, opt_outs)
    write_manifest(destination.dataset, manifest)
    refresh_index(destination.dataset)
    write_card(destination.dataset, manifest)


def with_whole_paths(record: Outcome, root: Place) -> Outcome:
    """The record for a dataset that lies elsewhere than `root`: a video that lies beside the shards stays there."""
    return with_whole_video(record, root) if isinstance(record, Sample) else record


def with_whole_video(sample: Sample, root: Place) -> Sample:
    """The sample with the whole path of its video, where that is no part of it."""
    if sample.video.bytes is not None:
        return sample
    return replace(sample, video=Payload(path=str(place_beside(root, str(sample.video.path)).absolute())))


def rows_with_whole_paths(rows: pa.Table, kind: Kind, root: Place) -> pa.Table:
    """As `with_whole_paths`; rows become records only where a video may lie beside the shards."""
    if kind is not Sample or not pc.struct_field(rows["video"], "bytes").null_count:
        return rows
    return to_table([with_whole_paths(record, root) for record in from_rows(rows.to_pylist(), Sample)], Sample)


def _holds_anything(output: Place) -> bool:
    return output.is_dir() and any(isinstance(output, Path) or path.name not in LOCKS for path in output.iterdir())


def _is_left(output: Place) -> bool:
    return isinstance(output, Address) and is_begun_whole(output)
