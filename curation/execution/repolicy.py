"""A dataset decided again with other thresholds: what changes, and the new tables in place of the old ones.

What only `curate` can tell, since it was never measured or its pixels were not stored, is taken out of the tables: a
run with the new thresholds then does just that part.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.execution.card import write_card
from curation.execution.ledger import next_run, remove_unfinished
from curation.execution.lock import expect_held_for, locked_for_run
from curation.execution.plan import READ_STAGE
from curation.execution.redecision import LookAgain, Redecision, Row
from curation.execution.table_writer import TableWriter
from curation.execution.writer import Destination, ShardLimits
from curation.funnel import Counts, funnel_of
from dataset_schema import (
    TABLES,
    FailedClip,
    FunnelRow,
    Kind,
    RejectedClip,
    Sample,
    begin_replacement,
    commit_replacement,
    from_rows,
    leaf_paths,
    open_shard,
    read_manifest,
    read_tables,
    refresh_index,
    shard_paths,
    to_table,
)
from storage.address import Place
from storage.holder import Holder

Watch: TypeAlias = Callable[[Row, Row | LookAgain], None]

_ROWS_AT_ONCE: Final = 1024
_DECIDED: Final[dict[Kind, list[str]]] = {
    Sample: ["clip_id"],
    RejectedClip: ["stage", "reason"],
    FailedClip: ["stage", "kind"],
}


@dataclass(kw_only=True)
class Changes:
    """What becomes of a dataset.

    Attributes:
        before: the rows of the three tables.
        rejected: of what they will be, by stage and reason; `failed` by stage and kind.
        changed: rows that will be others, by what happens to them.
        look_again: rows that will be gone until `curate` looks at their clips again, by the reason.
        shards: with rows that change.
    """

    before: Counts = field(default_factory=Counts)
    kept: int = 0
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    look_again: Counter[str] = field(default_factory=Counter)
    shards: list[Place] = field(default_factory=list)

    @property
    def after(self) -> Counts:
        """The rows that the tables will have."""
        return Counts(kept=self.kept, rejected=self.rejected.total(), failed=self.failed.total())

    def count(self, old: Row, new: Row | LookAgain) -> bool:
        """Take one row in; whether it changes."""
        self.before += Counts(
            kept=isinstance(old, Sample), rejected=isinstance(old, RejectedClip), failed=isinstance(old, FailedClip)
        )
        match new:
            case LookAgain():
                self.look_again[new.why] += 1
            case Sample():
                self.kept += 1
            case RejectedClip():
                self.rejected[new.reasons[0].stage, new.reasons[0].reason] += 1
            case FailedClip():
                self.failed[new.stage, new.kind] += 1
        if new is old:
            return False
        if not isinstance(new, LookAgain):
            self.changed[what_happens(old, new)] += 1
        return True

    def count_staying(self, rows: pa.Table, kind: Kind) -> None:
        """Take rows in that stay as they are: of a table that has why they are no samples, `_decided`."""
        if kind is Sample:
            self.before += Counts(kept=rows.num_rows)
            self.kept += rows.num_rows
            return
        groups = rows.group_by(rows.column_names).aggregate([([], "count_all")]).to_pylist()
        found = Counter({tuple(group[name] for name in _DECIDED[kind]): group["count_all"] for group in groups})
        if kind is RejectedClip:
            self.before += Counts(rejected=rows.num_rows)
            self.rejected += found
        else:
            self.before += Counts(failed=rows.num_rows)
            self.failed += found


def find_changes(dataset: Place, redecision: Redecision, *, watch: Watch = lambda _old, _new: None) -> Changes:
    """What the new thresholds would change. No picture and no video is read for it.

    Args:
        dataset: the directory.
        redecision: what decides.
        watch: is shown each row that changes, and what becomes of it.

    Raises:
        ValueError: a shard is damaged.
    """
    changes, affected = Changes(), redecision.affected
    kind: Any
    for kind in TABLES:
        for path in shard_paths(dataset, kind):
            with open_shard(path, kind) as file:
                rows = affected.rows(file, kind)
                changes.count_staying(_decided(file, kind).filter(pc.invert(rows)), kind)
                light = _light_columns(file, pictures=redecision.judges_pictures)
                old = _records(file, kind, rows, columns=light)
                if sum(_counted(changes, row, redecision(row), watch) for row in old):
                    changes.shards.append(path)
    return changes


def _counted(changes: Changes, old: Row, new: Row | LookAgain, watch: Watch) -> bool:
    is_changed = changes.count(old, new)
    if is_changed:
        watch(old, new)
    return is_changed


def repolicy(
    dataset: Place, redecision: Redecision, *, config: Mapping[str, Any], stages: tuple[str, ...]
) -> tuple[Changes, tuple[FunnelRow, ...]]:
    """Replace a dataset by what the new thresholds make of it, as a whole or not at all.

    Args:
        dataset: the directory.
        redecision: what decides.
        config: that of `dataset.json`, with the new thresholds.
        stages: names of the stages, in order.

    Raises:
        DatasetBusyError: somebody writes the dataset.
        ValueError: a shard is damaged.
    """
    with locked_for_run(dataset) as holder:
        remove_unfinished(dataset)
        changes = find_changes(dataset, redecision)
        manifest = read_manifest(dataset)
        found = funnel_of(
            dataset, (READ_STAGE, *stages), kept=changes.kept, rejected=changes.rejected, failed=changes.failed
        )
        head = replace(
            manifest, config=dict(config), funnel=found, complete=manifest.complete and not changes.look_again
        )
        run = next_run(dataset)
        begin_replacement(dataset, run=run, shards=changes.shards)
        _write(_destination(dataset, run, holder), redecision, changes.shards)
        expect_held_for(dataset, holder)
        commit_replacement(dataset, head)
        refresh_index(dataset)
        write_card(dataset, head)
    return changes, found


def _destination(dataset: Place, run: int, holder: Holder) -> Destination:
    return Destination(dataset=dataset, run=run, published=frozenset(), limits=ShardLimits(), holder=holder)


def _write(destination: Destination, redecision: Redecision, shards: list[Place]) -> None:
    kinds: dict[str, Any] = {table.folder: kind for kind, table in TABLES.items()}
    affected = redecision.affected
    writer = TableWriter(destination)
    for path in shards:
        kind = kinds[path.parent.name]
        with open_shard(path, kind) as file:
            is_affected = affected.rows(file, kind).to_numpy()
        first = 0
        for rows in read_tables(path, kind):
            for new_kind, decided in _decided_again(rows, kind, is_affected[first : first + len(rows)], redecision):
                writer.add(new_kind, decided)
            first += len(rows)
    writer.close()


def _decided_again(
    rows: pa.Table, kind: Any, is_affected: npt.NDArray[np.bool_], redecision: Redecision
) -> Iterator[tuple[Kind, pa.Table]]:
    """Rows as they are now, by their table. Only those that may change become records, all others stay Arrow."""
    if not is_affected.any():
        yield kind, rows
        return
    stays = np.ones(len(rows), bool)
    changed: dict[Kind, list[tuple[int, Row]]] = defaultdict(list)
    affected = from_rows(rows.filter(is_affected).to_pylist(), kind)
    for number, old in zip(np.flatnonzero(is_affected).tolist(), affected, strict=True):
        new = redecision(old)
        stays[number] = new is old
        if new is not old and not isinstance(new, LookAgain):
            changed[type(new)].append((number, new))
    for new_kind, some in changed.items():
        if new_kind is not kind:
            yield new_kind, to_table([new for _, new in some], new_kind)
    in_place = changed[kind]
    order = np.argsort([*np.flatnonzero(stays), *(number for number, _ in in_place)])
    found = pa.concat_tables([rows.filter(stays), to_table([new for _, new in in_place], kind)])
    yield kind, found.take(pa.array(order, pa.int64()))


def what_happens(old: Row, new: Row) -> str:
    """In words, as `Changes` counts it."""
    match old, new:
        case Sample(), RejectedClip():
            return f"kept, now rejected by {_decisive(new)}"
        case Sample(), Sample():
            same_pictures = [len(each.references) for each in old.entities] == [len(e.references) for e in new.entities]
            if (old.background is None) != (new.background is None):
                return (
                    "kept, without its background" if same_pictures else "kept, with fewer pictures and no background"
                )
            return "kept, with other scores of its pictures" if same_pictures else "kept, with fewer pictures"
        case RejectedClip(), RejectedClip() if _decisive(old) != _decisive(new):
            return f"rejected by {_decisive(old)}, now by {_decisive(new)}"
        case _:
            return "rejected as before, with the new limit in its reason"


def _decisive(row: RejectedClip) -> str:
    return f"{row.reasons[0].stage}: {row.reasons[0].reason}"


def _decided(file: pq.ParquetFile, kind: Kind) -> pa.Table:
    """Of every row why it is no sample, if it is none: the stage, and the reason or kind of error."""
    return file.read(columns=_DECIDED[kind], use_threads=False)


def _light_columns(file: pq.ParquetFile, *, pictures: bool) -> list[str]:
    """Those of records whose payloads have no bytes, and whose entities have no pictures without `pictures`."""
    return [
        name
        for name in leaf_paths(file)
        if name.rpartition(".")[2] != "bytes" and (pictures or "references" not in name)
    ]


def _records(file: pq.ParquetFile, kind: Any, wanted: pa.ChunkedArray, *, columns: list[str]) -> Iterator[Row]:
    """The wanted rows of a shard; row groups without any are not read."""
    row = 0
    for group in range(file.num_row_groups):
        group_rows = file.metadata.row_group(group).num_rows
        if pc.any(wanted.slice(row, group_rows)).as_py():
            first = row
            for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns, use_threads=False):
                some = wanted.slice(first, batch.num_rows).combine_chunks()
                first += batch.num_rows
                yield from from_rows(map(_named, batch.filter(some).to_pylist()), kind)
        row += group_rows


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """The row, in which every payload has at least an empty path: whether there is one is all that deciding asks."""
    pictures = [picture for entity in row.get("entities") or () for picture in entity.get("references") or ()]
    payloads = [row.get("video"), row.get("thumbnail"), *(picture["image"] for picture in pictures)]
    if row.get("background"):
        payloads.append(row["background"]["image"])
    for payload in payloads:
        if payload is not None:
            payload["path"] = payload.get("path") or ""
    return row
