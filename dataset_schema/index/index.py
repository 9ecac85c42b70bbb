"""The rows of the index in one order, whether a part holds them or they are derived from their shard."""

import logging
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa

from dataset_schema.arrow import Kind
from dataset_schema.index.columns import INDEX_SCHEMA, OUTCOMES, Outcome
from dataset_schema.index.derivation import index_rows
from dataset_schema.index.parts import GROUP_ROWS, Covered, Part, open_part, part_paths
from dataset_schema.manifest import dataset_id
from dataset_schema.shard import TABLES, open_shard, sized_shards
from storage.address import Place, path_below

_logger = logging.getLogger(__name__)


class IndexedShard:
    """A finished shard, and its rows of the index.

    Attributes:
        covered: how a part names it.
    """

    def __init__(self, path: Place, kind: Kind, covered: Covered) -> None:
        self.path = path
        self.kind = kind
        self.covered = covered

    def derive(self) -> Iterator[pa.Table]:
        """Its rows, some thousand at a time.

        Raises:
            ValueError: the shard cannot be read.
        """
        with open_shard(self.path, self.kind) as file:
            yield from index_rows(file, self.kind, self.covered.shard)

    @cached_property
    def rows(self) -> pa.Table:
        """All of its rows, kept in memory."""
        return pa.concat_tables([INDEX_SCHEMA.empty_table(), *self.derive()])


class Span(NamedTuple):
    """Rows of the index that lie one after the other in one place.

    Attributes:
        rows: their positions.
        source: the part or the shard that they come from.
        first: the number there of the first of them.
    """

    rows: range
    source: Part | IndexedShard
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The rows of all finished shards. A row's position depends on the shards alone, not on what is written of it.

    The kept clips come first, then the rejected, then the failed ones; each in the order of `shard_paths`.

    Attributes:
        dataset: what was opened.
        shards: in the order of their rows.
        spans: in the order of their rows; together, all of them.
        parts: those of the dataset's own index, also where only some of their rows are still those of a shard.
    """

    dataset: Place
    shards: tuple[IndexedShard, ...]
    spans: tuple[Span, ...]
    parts: tuple[Part, ...]

    @property
    def num_rows(self) -> int:
        """How many clips there are."""
        return self.spans[-1].rows.stop if self.spans else 0

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many clips have each outcome."""
        return {outcome: len(rows) for outcome, rows in self._positions().items()}

    @property
    def paths(self) -> list[Place]:
        """The written parts whose every row counts, for DuckDB and others; `unwritten` has the rows that they lack."""
        return [part.path for part in self.parts if self._is_whole(part)]

    def unwritten(self) -> pa.Table:
        """The rows that no file of `paths` holds: none after `refresh_index`."""
        whole = frozenset(self.paths)
        spans = (span for span in self.spans if not (isinstance(span.source, Part) and span.source.path in whole))
        return pa.concat_tables([INDEX_SCHEMA.empty_table(), *(self._read(span, INDEX_SCHEMA.names) for span in spans)])

    def table(self, columns: Sequence[str], *, outcome: Outcome | None = None) -> pa.Table:
        """Columns of every clip, or of those with one outcome, in order.

        Raises:
            ValueError: a shard that no part covers cannot be read.
        """
        rows = range(self.num_rows) if outcome is None else self._positions()[outcome]
        return self.read(rows, columns)

    def read(self, rows: range, columns: Sequence[str]) -> pa.Table:
        """Columns of the rows at some positions, in order.

        Raises:
            ValueError: as `table`.
        """
        schema = pa.schema([INDEX_SCHEMA.field(name) for name in columns])
        found = [self._read(span, columns) for span in self._overlapping(rows)]
        return pa.concat_tables([schema.empty_table(), *found]).unify_dictionaries()

    def batches(self, columns: Sequence[str], *, outcome: Outcome | None = None) -> Iterator[pa.Table]:
        """As `table`, some thousand rows at a time, of which nothing is kept.

        Raises:
            ValueError: as `table`.
        """
        wanted = range(self.num_rows) if outcome is None else self._positions()[outcome]
        for span in self._overlapping(wanted):
            if isinstance(span.source, IndexedShard):
                derived = _sliced(span.source.derive(), span.first, len(span.rows))
                yield from (table.select(columns) for table in derived)
                continue
            start = span.rows.start
            while start < span.rows.stop:
                rows = range(start, min(self.group_at(start).stop, span.rows.stop))
                yield self.read(rows, columns)
                start = rows.stop

    def group_at(self, position: int) -> range:
        """The positions around one that are best read together: its row group in a part, or as many of a shard."""
        span = self.spans[bisect_right(self.spans, position, key=lambda each: each.rows.start) - 1]
        number = span.first + position - span.rows.start
        around = _group(span.source, number)
        shift = span.rows.start - span.first
        return range(max(around.start + shift, span.rows.start), min(around.stop + shift, span.rows.stop))

    def _positions(self) -> dict[Outcome, range]:
        totals = dict.fromkeys(Outcome, 0)
        for shard in self.shards:
            totals[OUTCOMES[shard.kind]] += shard.covered.num_rows
        ends = accumulate(totals.values())
        return {outcome: range(end - totals[outcome], end) for outcome, end in zip(totals, ends, strict=True)}

    def _overlapping(self, rows: range) -> Iterator[Span]:
        first = bisect_right(self.spans, rows.start, key=lambda each: each.rows.start) - 1
        for span in self.spans[max(first, 0) :]:
            if span.rows.start >= rows.stop:
                return
            if within := _within(span, rows):
                yield within

    def _is_whole(self, part: Part) -> bool:
        return sum(len(span.rows) for span in self.spans if span.source is part) == part.num_rows

    def _read(self, span: Span, columns: Sequence[str]) -> pa.Table:
        if isinstance(span.source, IndexedShard):
            return span.source.rows.slice(span.first, len(span.rows)).select(columns)
        try:
            return span.source.read(range(span.first, span.first + len(span.rows)), columns)
        except (pa.ArrowException, OSError) as error:
            problem = " ".join(str(error).split())
            _logger.warning("rows of %s are derived from the shards again: %s", span.source.path, problem)
            return self._derived(span.rows).select(columns)

    def _derived(self, rows: range) -> pa.Table:
        """Rows from their shards, whatever is written of them."""
        tables, start = [INDEX_SCHEMA.empty_table()], 0
        for shard in self.shards:
            stop = start + shard.covered.num_rows
            if stop > rows.start and start < rows.stop:
                first = max(rows.start - start, 0)
                tables += _sliced(shard.derive(), first, min(rows.stop, stop) - start - first)
            start = stop
        return pa.concat_tables(tables)


def open_index(dataset: Place) -> Index:
    """The index of a dataset as it is now, also while a run is writing it. Nothing is written.

    Args:
        dataset: what `curate` or `select` wrote; or a selection by another tool, one Parquet file or a folder of them,
            whose rows are derived from it in memory.

    Raises:
        ValueError: a shard cannot be read.
    """
    identity = dataset_id(dataset)
    parts = () if identity is None else _open_parts(dataset, identity)
    found = {each: (part, first) for part in reversed(parts) for each, first in _firsts(part)}
    known = {(each.shard, each.size_bytes): each for each in found}
    shards = tuple(_shards(dataset, known))
    return Index(dataset=dataset, shards=shards, spans=tuple(_spans(shards, found)), parts=parts)


def _open_parts(dataset: Place, identity: str) -> tuple[Part, ...]:
    """Those that can be used; once more from the start where another process has replaced one meanwhile."""
    while True:
        try:
            return tuple(part for path in part_paths(dataset) if (part := open_part(path, identity)) is not None)
        except FileNotFoundError:
            continue


def _firsts(part: Part) -> Iterator[tuple[Covered, int]]:
    ends = accumulate((each.num_rows for each in part.covered), initial=0)
    return zip(part.covered, ends, strict=False)


def _shards(dataset: Place, known: Mapping[tuple[str, int], Covered]) -> Iterator[IndexedShard]:
    """The finished shards; how many rows one has is asked of its footer where no part knows it."""
    root = dataset if dataset.is_dir() else dataset.parent
    for kind in TABLES:
        for path, size in sized_shards(dataset, kind):
            name = path_below(path, root).as_posix()
            covered = known.get((name, size))
            if covered is None:
                with open_shard(path, kind) as file:
                    covered = Covered(name, size, file.metadata.num_rows)
            yield IndexedShard(path, kind, covered)


def _spans(shards: Sequence[IndexedShard], found: Mapping[Covered, tuple[Part, int]]) -> Iterator[Span]:
    """Where the rows of each shard lie; one span for all that lie behind one another in a part."""
    open_span: Span | None = None
    start = 0
    for shard in shards:
        source, first = found.get(shard.covered, (shard, 0))
        rows = range(start, start + shard.covered.num_rows)
        start = rows.stop
        if open_span and source is open_span.source and first == open_span.first + len(open_span.rows):
            open_span = open_span._replace(rows=range(open_span.rows.start, rows.stop))
            continue
        if open_span:
            yield open_span
        open_span = Span(rows, source, first) if rows else None
    if open_span:
        yield open_span


def _within(span: Span, rows: range) -> Span | None:
    start, stop = max(span.rows.start, rows.start), min(span.rows.stop, rows.stop)
    return Span(range(start, stop), span.source, span.first + start - span.rows.start) if start < stop else None


def _group(source: Part | IndexedShard, number: int) -> range:
    if isinstance(source, IndexedShard):
        start = number - number % GROUP_ROWS
        return range(start, start + GROUP_ROWS)
    group = bisect_right(source.group_ends, number)
    return range(source.group_ends[group - 1] if group else 0, source.group_ends[group])


def _sliced(tables: Iterator[pa.Table], first: int, num_rows: int) -> Iterator[pa.Table]:
    """Of tables that follow one another, `num_rows` rows from number `first` on."""
    start = 0
    for table in tables:
        skipped = max(first - start, 0)
        if wanted := table.slice(skipped, max(first + num_rows - start - skipped, 0)):
            yield wanted
        start += len(table)
