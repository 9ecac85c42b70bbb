"""Part of a dataset as a dataset of its own: what an SQL condition keeps, and what it drops as rejections."""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import replace
from typing import Final

import duckdb

from curation.execution.outcomes import Outcome, passed_over
from curation.execution.writer import Destination, ShardLimits, ShardWriter
from curation.funnel import Counts, Ends
from dataset_schema import (
    SCHEMA_VERSION,
    DatasetManifest,
    FailedClip,
    Reason,
    RejectedClip,
    Sample,
    Selection,
    dataset_root,
    expect_samples,
    new_dataset_id,
    open_shard,
    read_manifest,
    read_shard,
    shard_paths,
)
from pipelines.queried_shards import queried
from pipelines.whole_dataset import expect_new, whole_dataset, with_whole_paths, write_head
from storage.address import Place

STAGE: Final = "select"
_WHAT: Final = "a selection"
_REASON: Final = "not_selected"

_NUMBERS_AT_ONCE: Final = 10_000
_LIMITS: Final = ShardLimits(target_bytes=64 << 20)


def select(dataset: Place, where: str, output: Place) -> Counts:
    """Write the samples that a condition keeps as a dataset; those it drops become its rejections.

    Args:
        dataset: what `curate` or `select` wrote; or a selection by another tool, one Parquet file or a folder of them.
        where: an SQL condition on the columns of a sample, as DuckDB reads it; `samples` is the whole table.
        output: the new directory, or its address.

    Raises:
        BusyError: another selection writes there.
        FileNotFoundError: there is no dataset.
        ValueError: something is there, the condition is wrong or keeps nothing, the dataset is damaged or unfinished.
    """
    expect_new(output, what=_WHAT)
    shards = [path for path, _ in expect_samples(dataset)]
    for path in shards:
        with open_shard(path, Sample):
            pass  # its columns are looked at before they are asked
    manifest = finished_manifest(dataset)
    kept = _kept_rows(shards, where)
    if not any(kept.values()):
        raise ValueError(f"no sample of {dataset} fulfils {where}; nothing is written. Look at the scores: inspect")
    with whole_dataset(output, _LIMITS, what=_WHAT) as destination:
        selection, ends = _write_tables(dataset, destination, where, kept)
        described = _described(dataset, manifest, selection, ends)
        write_head(destination, described, made_of=[dataset_root(dataset)])
    return ends.counts


def finished_manifest(dataset: Place) -> DatasetManifest:
    """What is known of the dataset, or of the one that the file was selected from.

    Raises:
        ValueError: it is not finished.
    """
    try:
        manifest = read_manifest(dataset_root(dataset))
    except FileNotFoundError:
        return DatasetManifest(profile="unknown", config={}, annotators=(), funnel=(), complete=True)
    if not manifest.complete:
        raise ValueError(f"dataset {dataset} is not finished; curate again to go on with it, then try again")
    return manifest


def _kept_rows(shards: Sequence[Place], where: str) -> Mapping[Place, Set[int]]:
    """The numbers of the rows of each shard that fulfil the condition. No picture and no video is read for it."""
    kept: dict[Place, set[int]] = {path.absolute(): set() for path in shards}
    named = {str(path): rows for path, rows in kept.items()}
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as database:
        try:
            with queried(database, [*kept]) as files:
                table = database.read_parquet(files, filename=True, file_row_number=True, union_by_name=True)
                table.create_view("samples")
                database.execute(f"SELECT filename, file_row_number FROM samples WHERE (\n{where}\n)")
                while rows := database.fetchmany(_NUMBERS_AT_ONCE):
                    for name, row in rows:
                        named[name].add(row)
        except duckdb.Error as error:
            problem, *_ = str(error).strip().splitlines()
            raise ValueError(
                f"condition {where!r} cannot be used ({problem}); expected SQL on the columns of a sample, such as "
                "scores.desirable >= 0.4"
            ) from error
    return kept


def _write_tables(
    dataset: Place, destination: Destination, where: str, kept: Mapping[Place, Set[int]]
) -> tuple[Selection, Ends]:
    root = dataset_root(dataset)
    reason = Reason(stage=STAGE, reason=_REASON, detail=f"does not fulfil {where}")
    ends = Ends()
    with closing(ShardWriter(destination)) as writer:

        def add(record: Outcome) -> None:
            writer.add(record)
            ends.add(record)

        for path, rows in kept.items():
            for number, sample in enumerate(read_shard(path, Sample, whole=True)):
                add(with_whole_paths(sample, root) if number in rows else passed_over(sample, reason))
        selected = ends.counts
        if dataset == root:
            for record in not_kept(dataset):
                add(record)
    selection = Selection(dataset=str(dataset.absolute()), where=where, kept=selected.kept, dropped=selected.rejected)
    return selection, ends


def not_kept(dataset: Place) -> Iterator[RejectedClip | FailedClip]:
    """The clips of a dataset that curation, or an earlier selection, left out."""
    for path in shard_paths(dataset, RejectedClip):
        yield from read_shard(path, RejectedClip, whole=True)
    for path in shard_paths(dataset, FailedClip):
        yield from read_shard(path, FailedClip, whole=True)


def _described(dataset: Place, manifest: DatasetManifest, selection: Selection, ends: Ends) -> DatasetManifest:
    """The head of the selection: that of the dataset, with one more stage and where it comes from."""
    earlier = [row.stage for row in manifest.funnel] if dataset == dataset_root(dataset) else []
    return replace(
        manifest,
        funnel=ends.funnel(dataset, tuple(dict.fromkeys([*earlier, STAGE]))),
        selections=(*manifest.selections, selection),
        id=new_dataset_id(),
        schema_version=str(SCHEMA_VERSION),
    )
