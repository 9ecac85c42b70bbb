"""Several datasets into one: every clip once, every source done that was done."""

import math
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.execution.outcomes import Outcome
from curation.execution.settings import changed_settings
from curation.execution.table_writer import TableWriter
from curation.execution.writer import Destination, ShardLimits
from curation.funnel import Counts, Ends, dataset_counts
from curation.opt_outs import OPT_OUT_NAME, OPTED_OUT, dataset_opt_outs
from curation.profiles import CurationConfig
from curation.sources.config import SourcesConfig
from dataset_schema import (
    TABLES,
    DatasetManifest,
    MergedDataset,
    new_dataset_id,
    open_index,
    read_manifest,
    read_tables,
    shard_paths,
)
from pipelines.housekeeping.forgetting.asking import TOLD_BY, opted_out_rows
from pipelines.housekeeping.overlap import LeftOut, NumberedShard, rows_to_leave_out
from pipelines.whole_dataset import expect_new, rows_with_whole_paths, whole_dataset, write_head
from storage.address import Place
from storage.configs import from_plain, undecisive_fields

_WHAT: Final = "a merged dataset"

# Shards are closed by their size alone: nobody picks up a merge.
_LIMITS: Final = ShardLimits(max_open_s=math.inf)


def merge(datasets: Sequence[Place], output: Place, *, first_wins: bool = False, mix_configs: bool = False) -> Counts:
    """Write all clips of several datasets as one dataset; what several of them have is taken once.

    Args:
        datasets: what `curate`, `select` or `merge` wrote, finished.
        output: the new directory, or its address.
        first_wins: where datasets differ about a source, the first that is named gives all its clips.
        mix_configs: datasets of several configurations may be mixed; the head of the new one then keeps each.

    Raises:
        BusyError: another command writes there.
        FileNotFoundError: there is no dataset.
        ValueError: something is there, a dataset is damaged, unfinished or named twice; or the datasets differ, about a
            clip or in their configuration; or one holds what another was told to forget.
    """
    expect_new(output, what=_WHAT)
    if len({dataset.absolute() for dataset in datasets}) < max(2, len(datasets)):
        raise ValueError(f"{', '.join(map(str, datasets))} cannot be merged, expected two or more different datasets")
    heads = [_finished(dataset) for dataset in datasets]
    _expect_nothing_forgotten(datasets)
    is_mixed = _expect_same_settings(datasets, heads, mix_configs=mix_configs)
    left_out = rows_to_leave_out(datasets, first_wins=first_wins)
    with whole_dataset(output, _LIMITS, what=_WHAT) as destination:
        ends = _write_tables(datasets, destination, left_out)
        write_head(destination, _described(datasets, heads, ends, left_out, is_mixed=is_mixed), made_of=datasets)
    return ends.counts


def _finished(dataset: Place) -> DatasetManifest:
    manifest = read_manifest(dataset)
    if not manifest.complete:
        raise ValueError(f"dataset {dataset} is not finished; curate again to go on, then merge")
    return manifest


def _expect_nothing_forgotten(datasets: Sequence[Place]) -> None:
    for told in datasets:
        kept_out = dataset_opt_outs(told)
        for dataset in datasets if kept_out else ():
            rows = open_index(dataset).table([*TOLD_BY, "reason"])
            is_in = pc.fill_null(pc.not_equal(rows["reason"], OPTED_OUT), True)
            if count := pc.sum(pc.and_(opted_out_rows(rows, kept_out), is_in)).as_py():
                raise ValueError(
                    f"dataset {dataset} holds {count} clips of what {told} was told to forget; take them out first: "
                    f"make forget DATASET={shlex.quote(str(dataset))} HASHES={shlex.quote(str(told / OPT_OUT_NAME))}"
                )


def _expect_same_settings(datasets: Sequence[Place], heads: Sequence[DatasetManifest], *, mix_configs: bool) -> bool:
    """Whether there are several configurations, where that is allowed."""
    for dataset, head in zip(datasets[1:], heads[1:], strict=True):
        changed = changed_settings(heads[0], head)
        if changed:
            undecisive = _undecisive(datasets[0], heads[0]) | _undecisive(dataset, head)
            changed = changed_settings(heads[0], head, undecisive=undecisive)
        if changed and mix_configs:
            return True
        if changed:
            differences = "; ".join(map(str, changed))
            raise ValueError(
                f"dataset {dataset} was made with another configuration than {datasets[0]}: {differences}. Their "
                "clips were not judged alike; curate one again, or mix them all the same: --mix-configs"
            )
    return False


def _undecisive(dataset: Place, head: DatasetManifest) -> frozenset[str]:
    """What in the configuration of a curation run decides nothing about a clip."""
    parts: dict[str, Any] = {"sources": SourcesConfig, "curation": CurationConfig}
    try:
        return frozenset(
            f"{part}.{name}"
            for part, kind in parts.items()
            if part in head.config
            for name in undecisive_fields(from_plain(kind, head.config[part]))
        )
    except ValueError as error:
        raise ValueError(f"dataset {dataset} was made with a configuration that is none today: {error}") from error


def _write_tables(datasets: Sequence[Place], destination: Destination, left_out: LeftOut) -> Ends:
    ends, writer = Ends(), TableWriter(destination)
    for kind in TABLES:
        for number, dataset in enumerate(datasets):
            for rows in _rows(dataset, number, kind, left_out):
                writer.add(kind, rows)
                ends.add_rows(kind, rows)
    writer.close()
    return ends


def _rows(dataset: Place, number: int, kind: type[Outcome], left_out: LeftOut) -> Iterator[pa.Table]:
    for shard, path in enumerate(shard_paths(dataset, kind)):
        passed_over = left_out.get(NumberedShard(number, TABLES[kind].folder, shard), frozenset())
        first = 0
        for rows in read_tables(path, kind):
            stays = [row not in passed_over for row in range(first, first + len(rows))]
            first += len(rows)
            staying = rows if all(stays) else rows.filter(pa.array(stays, pa.bool_()))
            yield rows_with_whole_paths(staying, kind, dataset)


def _described(
    datasets: Sequence[Place], heads: Sequence[DatasetManifest], ends: Ends, left_out: LeftOut, *, is_mixed: bool
) -> DatasetManifest:
    """One head of several. A dataset that was merged itself stands there as those that it was merged from."""
    stages = tuple(dict.fromkeys(row.stage for head in heads for row in head.funnel))
    merged: list[MergedDataset] = []
    for number, (dataset, head) in enumerate(zip(datasets, heads, strict=True)):
        taken = dataset_counts(dataset).read - sum(len(rows) for at, rows in left_out.items() if at.dataset == number)
        itself = MergedDataset(dataset=str(dataset.absolute()), profile=head.profile, config=head.config, clips=taken)
        merged += head.merged_from or [itself]
    return DatasetManifest(
        profile=" and ".join(dict.fromkeys(head.profile for head in heads)),
        config={} if is_mixed else heads[0].config,
        annotators=tuple(dict.fromkeys(annotator for head in heads for annotator in head.annotators)),
        funnel=ends.funnel(datasets[0], stages),
        complete=True,
        selections=tuple(dict.fromkeys(selection for head in heads for selection in head.selections)),
        merged_from=tuple(merged),
        id=new_dataset_id(),
    )
