"""Part of a dataset as a dataset of its own: what an SQL condition keeps, and what it drops as rejections."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import duckdb

from curation.execution.card import write_card
from curation.execution.outcomes import passed_over
from curation.execution.writer import Destination, ShardLimits, ShardWriter
from curation.funnel import Counts, dataset_counts, dataset_funnel
from dataset_schema import (
    SCHEMA_VERSION,
    DatasetManifest,
    FailedClip,
    Payload,
    Reason,
    RejectedClip,
    Sample,
    Selection,
    dataset_root,
    new_dataset_id,
    open_shard,
    read_manifest,
    read_shard,
    refresh_index,
    shard_paths,
    write_manifest,
)
from storage.lock import held_alone
from storage.whole_files import publish, unfinished

STAGE: Final = "select"
_REASON: Final = "not_selected"
_LOCK_NAME: Final = ".select.lock"

_NUMBERS_AT_ONCE: Final = 10_000
_LIMITS: Final = ShardLimits(target_bytes=64 << 20)


def select(dataset: Path, where: str, output: Path) -> Counts:
    """Write the samples that a condition keeps as a dataset; those it drops become its rejections.

    Args:
        dataset: what `curate` or `select` wrote; or a selection by another tool, one Parquet file or a folder of them.
        where: an SQL condition on the columns of a sample, as DuckDB reads it; `samples` is the whole table.
        output: the new directory.

    Raises:
        BusyError: another selection writes there.
        FileNotFoundError: there is no dataset.
        ValueError: something is there, the condition is wrong or keeps nothing, the dataset is damaged or unfinished.
    """
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise ValueError(f"{output} exists; a selection is written whole, name a new directory")
    shards = shard_paths(dataset, Sample)
    if not shards:
        raise FileNotFoundError(f"dataset {dataset} has no samples; expected what `curate` or `select` wrote")
    for path in shards:
        with open_shard(path, Sample):
            pass  # its columns are looked at before they are asked
    manifest = _manifest(dataset)
    kept = _kept_rows(shards, where)
    if not any(kept.values()):
        raise ValueError(f"no sample of {dataset} fulfils {where}; nothing is written. Look at the scores: inspect")
    written = unfinished(output)
    with held_alone(written / _LOCK_NAME, busy=f"{output} is being written by another selection; wait for its end"):
        for rest in written.iterdir():
            if rest.is_dir():
                shutil.rmtree(rest)  # of a selection that was killed
        selection = _write_tables(dataset, written, where, kept)
        described = _described(dataset, written, manifest, selection)
        write_manifest(written, described)
        refresh_index(written)
        write_card(written, described)
        (written / _LOCK_NAME).unlink()
        publish(output)
    return dataset_counts(output)


def _manifest(dataset: Path) -> DatasetManifest:
    """What is known of the dataset, or of the one that the file was selected from."""
    try:
        manifest = read_manifest(dataset_root(dataset))
    except FileNotFoundError:
        return DatasetManifest(profile="unknown", config={}, annotators=(), funnel=(), complete=True)
    if not manifest.complete:
        raise ValueError(f"dataset {dataset} is not finished; curate again to go on, then select")
    return manifest


def _kept_rows(shards: Sequence[Path], where: str) -> Mapping[Path, Set[int]]:
    """The numbers of the rows of each shard that fulfil the condition. No picture and no video is read for it."""
    kept: dict[Path, set[int]] = {path.absolute(): set() for path in shards}
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as database:
        try:
            files = [_without_patterns(path) for path in kept]
            table = database.read_parquet(files, filename=True, file_row_number=True, union_by_name=True)
            table.create_view("samples")
            database.execute(f"SELECT filename, file_row_number FROM samples WHERE (\n{where}\n)")
            while rows := database.fetchmany(_NUMBERS_AT_ONCE):
                for name, row in rows:
                    kept[Path(name)].add(row)
        except duckdb.Error as error:
            problem, *_ = str(error).strip().splitlines()
            raise ValueError(
                f"condition {where!r} cannot be used ({problem}); expected SQL on the columns of a sample, such as "
                "scores.desirable >= 0.4"
            ) from error
    return kept


def _without_patterns(path: Path) -> str:
    """The path as DuckDB is to read it: to it, brackets, stars and question marks stand for other names."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _write_tables(dataset: Path, output: Path, where: str, kept: Mapping[Path, Set[int]]) -> Selection:
    root = dataset_root(dataset)
    reason = Reason(stage=STAGE, reason=_REASON, detail=f"does not fulfil {where}")
    destination = Destination(dataset=output, run=0, published=frozenset(), limits=_LIMITS)
    with closing(ShardWriter(destination)) as writer:
        for path, rows in kept.items():
            for number, sample in enumerate(read_shard(path, Sample)):
                writer.add(_with_whole_paths(sample, root) if number in rows else passed_over(sample, reason))
        counts = writer.counts
        if dataset == root:
            for record in _not_kept(dataset):
                writer.add(record)
    return Selection(dataset=str(dataset.absolute()), where=where, kept=counts.kept, dropped=counts.rejected)


def _not_kept(dataset: Path) -> Iterator[RejectedClip | FailedClip]:
    for path in shard_paths(dataset, RejectedClip):
        yield from read_shard(path, RejectedClip)
    for path in shard_paths(dataset, FailedClip):
        yield from read_shard(path, FailedClip)


def _with_whole_paths(sample: Sample, root: Path) -> Sample:
    """A video that lies beside the shards stays there, and the new dataset lies elsewhere."""
    video = sample.video
    if video.bytes is not None or "://" in str(video.path):
        return sample
    return replace(sample, video=Payload(path=str((root / str(video.path)).absolute())))


def _described(dataset: Path, output: Path, manifest: DatasetManifest, selection: Selection) -> DatasetManifest:
    """The head of the selection: that of the dataset, with one more stage and where it comes from."""
    earlier = [row.stage for row in manifest.funnel] if dataset == dataset_root(dataset) else []
    return replace(
        manifest,
        funnel=dataset_funnel(output, tuple(dict.fromkeys([*earlier, STAGE]))),
        selections=(*manifest.selections, selection),
        id=new_dataset_id(),
        schema_version=str(SCHEMA_VERSION),
    )
