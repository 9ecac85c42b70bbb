"""Rows and pictures leave the tables: shards that hold any are written anew, and take the old ones' place at once."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.execution.ledger import next_run
from curation.execution.lock import expect_held_for, held_by_writer
from curation.execution.outcomes import Outcome
from curation.execution.table_writer import TableWriter
from curation.execution.writer import Destination, ShardLimits
from curation.funnel import Ends
from dataset_schema import (
    TABLES,
    DatasetManifest,
    FailedClip,
    RejectedClip,
    Sample,
    begin_replacement,
    commit_replacement,
    from_rows,
    open_index,
    read_manifest,
    read_tables,
    to_table,
)
from dataset_schema import Outcome as End
from pipelines.housekeeping.forgetting.payloads import Payloads
from pipelines.housekeeping.forgetting.plan import Plan
from storage.address import Place
from storage.holder import Holder

_KINDS: Final[Mapping[str, Any]] = {table.folder: kind for kind, table in TABLES.items()}
# Shards are closed by their size alone: nobody picks up what is written here.
_LIMITS: Final = ShardLimits(max_open_s=math.inf)


@dataclass(frozen=True, slots=True)
class Touched:
    """What of a dataset's shards is to go: rows, and of other rows some payloads, by shard below the dataset."""

    rows: Mapping[str, frozenset[int]]
    pictures: Mapping[str, Mapping[int, frozenset[int]]]

    @property
    def shards(self) -> tuple[str, ...]:
        """Those with anything to go."""
        return tuple(sorted({*self.rows, *self.pictures}))


def find_touched(dataset: Place, plan: Plan) -> Touched:
    """What is still there of what the plan says: nothing, where it was done before."""
    index = open_index(dataset)
    places = index.table(["clip_id", "shard", "row"])
    gone = places.filter(pc.is_in(places["clip_id"], pa.array(sorted(plan.clip_ids), pa.string())))
    rows: dict[str, set[int]] = defaultdict(set)
    for row in gone.to_pylist():
        rows[row["shard"]].add(row["row"])
    contents = {(each.sha256, each.size_bytes) for each in plan.contents}
    pictures: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for at, content in Payloads(dataset).of_sizes(plan.sizes) if plan.sizes else ():
        if content in contents and at.row not in rows.get(at.shard, ()):
            pictures[at.shard][at.row].add(at.number)
    return Touched(
        {shard: frozenset(some) for shard, some in rows.items()},
        {shard: {row: frozenset(some) for row, some in found.items()} for shard, found in pictures.items()},
    )


def rewrite_tables(dataset: Place, plan: Plan, holder: Holder) -> None:
    """Take out what is there of it, as a whole or not at all."""
    touched = find_touched(dataset, plan)
    if not touched.shards:
        return
    head = _counted_anew(dataset, read_manifest(dataset), plan.clip_ids)
    run = next_run(dataset)
    begin_replacement(dataset, run=run, shards=[dataset / shard for shard in touched.shards])
    destination = Destination(dataset=dataset, run=run, published=frozenset(), limits=_LIMITS, holder=holder)
    with held_by_writer(dataset):
        writer = TableWriter(destination)
        for shard in touched.shards:
            kind = _KINDS[shard.partition("/")[0]]
            for rows in _staying(dataset / shard, kind, touched, shard):
                writer.add(kind, rows)
        writer.close()
    expect_held_for(dataset, holder)
    commit_replacement(dataset, head)


def _staying(path: Place, kind: Any, touched: Touched, shard: str) -> Iterator[pa.Table]:
    gone, pictures = touched.rows.get(shard, frozenset()), touched.pictures.get(shard, {})
    first = 0
    for rows in read_tables(path, kind):
        numbers = range(first, first + len(rows))
        first = numbers.stop
        stays = rows if gone.isdisjoint(numbers) else rows.filter(pa.array([n not in gone for n in numbers]))
        staying = [number for number in numbers if number not in gone]
        if pictures.keys().isdisjoint(staying):
            yield stays
            continue
        records = from_rows(stays.to_pylist(), kind)
        yield to_table(
            [without_payloads(row, pictures.get(n, frozenset())) for n, row in zip(staying, records, strict=True)], kind
        )


def without_payloads(record: Outcome, numbers: Collection[int]) -> Outcome:
    """The row without some of its pictures, by their numbers among its payloads."""
    match record:
        case Sample() if numbers:
            number, entities = 1, []
            for entity in record.entities:
                placed = enumerate(entity.references, start=number)
                staying = tuple(reference for place, reference in placed if place not in numbers)
                number += len(entity.references)
                entities.append(replace(entity, references=staying))
            background = None if number in numbers else record.background
            return replace(record, entities=tuple(entities), background=background)
        case RejectedClip() if numbers:
            return replace(record, thumbnail=None)
    return record


def _counted_anew(dataset: Place, manifest: DatasetManifest, gone: Collection[str]) -> DatasetManifest:
    """The head of the dataset, with what its tables will hold in the funnel."""
    if not manifest.funnel:
        return manifest
    index, ends = open_index(dataset), Ends()
    for outcome, kind in ((End.KEPT, Sample), (End.REJECTED, RejectedClip), (End.FAILED, FailedClip)):
        clips = index.table(["clip_id", "stage", "reason"], outcome=outcome)
        stays = pc.invert(pc.is_in(clips["clip_id"], pa.array(sorted(gone), pa.string())))
        ends.add_rows(kind, clips.filter(stays).rename_columns(["clip_id", "stage", _CODES[kind]]))
    stages = tuple(row.stage for row in manifest.funnel)
    return replace(manifest, funnel=ends.funnel(dataset, stages))


_CODES: Final[Mapping[Any, str]] = {Sample: "reason", RejectedClip: "reason", FailedClip: "kind"}
