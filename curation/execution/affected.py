"""Which rows other limits can change, told by columns of numbers alone: deciding needs no more rows than these.

A rule changes its verdict on a row only where the value lies between the former limit and the present one. Where no
verdict changes the row stays as it is, since it was decided with the former limits; but a reason says what the limit
was, so all rows that have a reason of a stage whose rules changed are among those told.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Final, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.rules import About, Bound, Rule
from dataset_schema import CORE_SCORES, FailedClip, Kind, MediaFacts, ReferenceScores, RejectedClip, Sample, leaves

_ROWS_AT_ONCE: Final = 4096
_PICTURES: Final = {Sample: ("references", "rejected_references"), RejectedClip: ("rejected_references",)}
_OF_PICTURES: Final = frozenset(each.name for each in fields(ReferenceScores)) - {"box", "likeness"}
_OF_CLIPS: Final = {each.name: ("media", each.name) for each in fields(MediaFacts)} | {
    name: ("scores", name) for name in sorted(CORE_SCORES)
}
_ALLOWED: Final = {
    Bound.AT_LEAST: pc.greater_equal,
    Bound.ABOVE: pc.greater,
    Bound.AT_MOST: pc.less_equal,
    Bound.BELOW: pc.less,
}

_Rules: TypeAlias = Sequence[Rule]


class _Moved(NamedTuple):
    """Rules of one thing and one value, before and after."""

    about: About
    reads: str
    former: _Rules
    present: _Rules

    def changes(self, values: pa.Array) -> pa.Array:
        """Of which values the verdict changes."""
        return pc.xor(_broken(self.former, values), _broken(self.present, values))


class Affected:
    """Tells which rows of a shard are to be decided again.

    Args:
        former: stage -> the rules that decided the rows, of the stages whose rules changed.
        present: the same, with other limits.
        behind: the stages behind any of those.
    """

    def __init__(self, former: Mapping[str, _Rules], present: Mapping[str, _Rules], *, behind: Collection[str]) -> None:
        self._stages = sorted(present)
        self._behind = sorted(behind)
        moved = [rules for name in present for rules in _moved(former[name], present[name])]
        self._of_pictures = [each for each in moved if each.about in (About.REFERENCE_IMAGE, About.FACE)]
        self._of_clips = [each for each in moved if each not in self._of_pictures]

    def rows(self, file: pq.ParquetFile, kind: Kind) -> pa.ChunkedArray:
        """For every row of an opened shard in order, whether its decision can change; its media are not read."""
        columns = leaves(file, self._columns(kind))
        batches = file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns, use_threads=False)
        return pa.chunked_array([self._rows(batch, kind) for batch in batches], pa.bool_())

    def _columns(self, kind: Kind) -> Iterator[str]:
        if kind is not Sample:
            yield "stage"
        if kind is FailedClip:
            return
        if kind is RejectedClip:
            yield "reasons.stage"
        yield "clip_id"  # so that there is a column, whatever changed
        yield from (".".join(_OF_CLIPS[each.reads]) for each in self._of_clips if each.reads in _OF_CLIPS)
        if self._of_pictures:
            names = {"is_face", *(each.reads for each in self._of_pictures)} & _OF_PICTURES
            yield from (f"entities.{pictures}.{name}" for pictures in _PICTURES[kind] for name in names)

    def _rows(self, batch: pa.RecordBatch, kind: Kind) -> pa.Array:
        if kind is FailedClip:
            return pc.is_in(batch["stage"].cast(pa.string()), pa.array(self._behind, pa.string()))
        found = _all(batch.num_rows, value=False)
        for each in self._of_clips:
            found = pc.or_(found, _of_clip(each, batch))
        numbers = [self._with_pictures(batch, pictures) for pictures in _PICTURES[kind] if self._of_pictures]
        if kind is RejectedClip:
            reasons = batch["reasons"]
            stages = pc.struct_field(pc.list_flatten(reasons), "stage").cast(pa.string())
            is_listed = pc.is_in(stages, pa.array(self._stages, pa.string()))
            numbers.append(pc.list_parent_indices(reasons).filter(is_listed))
        rows = pa.array(range(batch.num_rows), pa.int64())
        for some in numbers:
            found = pc.or_(found, pc.is_in(rows, some.cast(pa.int64())))
        return found

    def _with_pictures(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        """The numbers of the rows in which the verdict on one of these pictures changes."""
        if "entities" not in batch.schema.names:
            return pa.array([], pa.int64())
        entities = batch["entities"]
        flat = pc.list_flatten(entities)
        if name not in [member.name for member in flat.type]:
            return pa.array([], pa.int64())
        lists = pc.struct_field(flat, name)
        pictures = pc.list_flatten(lists)
        known = {member.name for member in pictures.type}
        is_face = pc.struct_field(pictures, "is_face")
        found = _all(len(pictures), value=False)
        for each in self._of_pictures:
            changes = _all(len(pictures), value=True)
            if each.reads in _OF_PICTURES:
                values = pc.struct_field(pictures, each.reads) if each.reads in known else pa.nulls(len(pictures))
                changes = each.changes(values)
            found = pc.or_(found, pc.and_(changes, pc.equal(is_face, each.about is About.FACE)))
        rows = pc.list_parent_indices(entities).take(pc.list_parent_indices(lists))
        return rows.filter(found)


def _of_clip(moved: _Moved, batch: pa.RecordBatch) -> pa.Array:
    """The rows in which a verdict changes; all of them where the value is none that is stored as a number."""
    if moved.reads not in _OF_CLIPS:
        return _all(batch.num_rows, value=True)
    above, name = _OF_CLIPS[moved.reads]
    is_there = above in batch.schema.names and name in [member.name for member in batch[above].type]
    values = pc.struct_field(batch[above], name) if is_there else pa.nulls(batch.num_rows)
    return moved.changes(values)


def _moved(former: _Rules, present: _Rules) -> Iterator[_Moved]:
    """The rules that differ; those of the same code and value belong together."""
    groups: dict[tuple[About, str, str], tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for time, rules in enumerate((former, present)):
        for rule in rules:
            groups[rule.about, rule.reads, rule.code][time].append(rule)
    for (about, reads, _), (old, new) in groups.items():
        if [(rule.bound, rule.limit) for rule in old] != [(rule.bound, rule.limit) for rule in new]:
            yield _Moved(about, reads, old, new)


def _broken(rules: _Rules, values: pa.Array) -> pa.Array:
    """Which values one of the rules does not allow; what was not measured is allowed."""
    found = _all(len(values), value=False)
    for rule in rules:
        if rule.limit is None:
            found = pc.or_(found, values.is_valid())
        else:
            allowed = _ALLOWED[rule.bound](values.cast(pa.float64()), float(rule.limit))
            found = pc.or_(found, pc.invert(pc.fill_null(allowed, True)))
    return found


def _all(count: int, *, value: bool) -> pa.Array:
    return pa.repeat(pa.scalar(value), count)
