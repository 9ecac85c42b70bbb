"""Two datasets of the same clips: what became of them in the one and in the other, and what was measured otherwise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa

from curation.execution.settings import ChangedSetting, changed_settings
from dataset_schema import CORE_SCORES, INDEX_SCHEMA, Index, open_index, read_manifest
from pipelines.housekeeping.database import scratch_database
from storage.address import Place

_END: Final = ("outcome", "stage", "reason")

# What a row of the index says of a clip, beside its end and its scores; not where it lies.
_FACTS: Final = (
    *("detail", "source_uri", "source_start_s", "source_end_s", "num_clips", "caption"),
    *("subjects", "objects", "backgrounds", "entities", "num_references", "num_faces", "has_background"),
    *("bucket", "num_frames", "fps", "height", "width", "duration_s", "video_start_s", "media_lengths"),
)
_SCORES: Final = tuple(name for name in INDEX_SCHEMA.names if name in CORE_SCORES)
_COLUMNS: Final = ("clip_id", *_END, *_FACTS, *_SCORES, "more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Clips that ended otherwise.

    Attributes:
        first: how they ended in the first dataset, such as `rejected: several_shots (single_shot_filter)`; None where
            they are not there. `second` likewise.
        example: one of them.
    """

    first: str | None
    second: str | None
    clips: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedScore:
    """A score that differs.

    Attributes:
        clips: that have another value; of these, `only_first` and `only_second` have one in one dataset alone.
        median: of the absolute differences; None where no clip has two values. `largest` likewise.
    """

    name: str
    clips: int
    only_first: int
    only_second: int
    median: float | None
    largest: float | None
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFact:
    """A column of the index that differs, such as `caption`, and in how many clips."""

    name: str
    clips: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """In what two datasets differ.

    Attributes:
        clips: how many clips each has.
        shared: how many are in both.
        settings: of the runs. They explain a difference, and are none.
    """

    clips: tuple[int, int]
    shared: int
    settings: tuple[ChangedSetting, ...]
    moved: tuple[Moved, ...]
    scores: tuple[ChangedScore, ...]
    facts: tuple[ChangedFact, ...]

    @property
    def is_none(self) -> bool:
        """Whether every clip of either dataset is in the other, and the same there."""
        return not (self.moved or self.scores or self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedClip:
    """A clip that differs.

    Attributes:
        scores: the one that differs, in the first and in the second dataset; empty where something else differs.
    """

    clip_id: str
    scores: tuple[float | None, ...] = ()


class Comparison:
    """The rows of two indexes, held against each other; clips are the same by their ids. Any thread may ask.

    Args:
        database: an empty one, to hold them.
        first: the index of a dataset.
        second: that of another one.

    Attributes:
        difference: all of it, counted.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, first: Index, second: Index) -> None:
        self._database = database
        clips = _load(database, "first", first), _load(database, "second", second)
        # A view: joined anew for every question, because that takes two columns, and all at once take more than memory.
        both = ", ".join(f"a.{name} AS a_{name}, b.{name} AS b_{name}" for name in _COLUMNS if name != "clip_id")
        database.execute(f"CREATE VIEW pairs AS SELECT clip_id, {both} FROM first a JOIN second b USING (clip_id)")
        database.execute(_MOVED)
        (shared,) = database.sql("SELECT count(*) FROM pairs").fetchall()[0]
        self.difference = Difference(
            clips=clips,
            shared=shared,
            settings=tuple(changed_settings(read_manifest(first.dataset), read_manifest(second.dataset))),
            moved=tuple(self._moved()),
            scores=tuple(self._scores()),
            facts=tuple(self._facts()),
        )

    def moved(self, first: str | None, second: str | None, part: range) -> list[ChangedClip]:
        """Some of the clips that ended so in the one and so in the other, by their ids.

        Args:
            first: an end as `Moved` has it, or an outcome alone.
            second: the same of the other dataset.
            part: which of them.
        """
        ended = f"{_ENDED.format('was')} AND {_ENDED.format('now')}"
        rows = self._ask(f"SELECT clip_id FROM moved WHERE {ended}", [first, first, second, second], part, "clip_id")
        return [ChangedClip(clip_id=clip_id) for (clip_id,) in rows]

    def changed(self, name: str, part: range) -> list[ChangedClip]:
        """Some of the clips with another score of this name, the greatest changes first, or with another fact.

        Args:
            name: one of those that `difference` has.
            part: which of them.
        """
        if name in _FACTS:
            rows = self._ask(f"SELECT clip_id FROM pairs WHERE {_has_other(name)}", [], part, "clip_id")
            return [ChangedClip(clip_id=clip_id) for (clip_id,) in rows]
        if name in _SCORES:
            changed, values = _core_score(name), []
        else:
            changed, values = f"SELECT clip_id, was, now FROM ({_MORE}) WHERE name = ?", [name]
        rows = self._ask(changed, values, part, "abs(now - was) DESC NULLS LAST, clip_id")
        return [ChangedClip(clip_id=clip_id, scores=(was, now)) for clip_id, was, now in rows]

    def _ask(self, statement: str, values: Sequence[Any], part: range, order: str) -> list[tuple[Any, ...]]:
        limited = f"{statement} ORDER BY {order} LIMIT {len(part)} OFFSET {part.start}"
        return self._database.cursor().execute(limited, list(values)).fetchall()

    def _moved(self) -> Iterator[Moved]:
        rows = self._database.sql(
            "SELECT was, now, count(*) AS clips, min(clip_id) FROM moved GROUP BY ALL ORDER BY clips DESC, was, now"
        )
        for first, second, clips, example in rows.fetchall():
            yield Moved(first=first, second=second, clips=clips, example=example)

    def _scores(self) -> Iterator[ChangedScore]:
        core = (
            (name, *row)
            for name in _SCORES
            for row in self._database.sql(f"SELECT {_STATISTICS} FROM ({_core_score(name)})").fetchall()
        )
        more = self._database.sql(f"SELECT name, {_STATISTICS} FROM ({_MORE}) GROUP BY name ORDER BY name").fetchall()
        for name, clips, only_first, only_second, median, largest, example in (*core, *more):
            if clips:
                yield ChangedScore(
                    name=name,
                    clips=clips,
                    only_first=only_first,
                    only_second=only_second,
                    median=median,
                    largest=largest,
                    example=example,
                )

    def _facts(self) -> Iterator[ChangedFact]:
        for name in _FACTS:
            clips, example = self._database.sql(
                f"SELECT count(*), min(clip_id) FROM pairs WHERE {_has_other(name)}"
            ).fetchall()[0]
            if clips:
                yield ChangedFact(name=name, clips=clips, example=example)


def compare(first: Place, second: Place) -> Difference:
    """In what two datasets differ, asked of their indexes. Nothing is written.

    Raises:
        OSError: one is no dataset.
        ValueError: one is damaged.
    """
    with scratch_database() as database:
        return Comparison(database, open_index(first), open_index(second)).difference


_HOW_IT_ENDED: Final = "{0}.outcome || coalesce(': ' || {0}.reason || ' (' || {0}.stage || ')', '')"
_MOVED: Final = f"""
    CREATE TABLE moved AS
    SELECT clip_id, {_HOW_IT_ENDED.format("a")} AS was, {_HOW_IT_ENDED.format("b")} AS now
    FROM first a FULL JOIN second b USING (clip_id) WHERE was IS DISTINCT FROM now
"""
# An end, or an outcome alone, which is the word before the colon.
_ENDED: Final = "({0} IS NOT DISTINCT FROM ? OR split_part({0}, ':', 1) = ?)"

_STATISTICS: Final = """
    count(*), count(*) FILTER (now IS NULL), count(*) FILTER (was IS NULL), median(abs(now - was)),
    max(abs(now - was)), min(clip_id)
"""
_MORE: Final = """
    SELECT name, clip_id, was, now
    FROM (SELECT clip_id, unnest(a_more, recursive := true) FROM pairs) AS x(clip_id, name, was)
    FULL JOIN (SELECT clip_id, unnest(b_more, recursive := true) FROM pairs) AS y(clip_id, name, now)
        USING (clip_id, name)
    WHERE was IS DISTINCT FROM now
"""


def _core_score(name: str) -> str:
    return f"SELECT clip_id, a_{name} AS was, b_{name} AS now FROM pairs WHERE was IS DISTINCT FROM now"


def _has_other(fact: str) -> str:
    """Of clips that ended alike; the lengths of media are known of shards of the newest layout alone."""
    known = f"AND a_{fact} IS NOT NULL AND b_{fact} IS NOT NULL" if fact == "media_lengths" else ""
    return f"a_outcome = b_outcome AND a_{fact} IS DISTINCT FROM b_{fact} {known}"


def _load(database: duckdb.DuckDBPyConnection, name: str, index: Index) -> int:
    plain = pa.schema([(column, _plain(INDEX_SCHEMA.field(column).type)) for column in _COLUMNS])
    tables = (table.cast(plain) for table in index.batches(_COLUMNS))
    rows = pa.RecordBatchReader.from_batches(plain, (batch for table in tables for batch in table.to_batches()))
    database.register("rows", rows)
    # Facts are only held against each other, and a million captions would not fit in memory. Two that differ have one
    # hash of 64 bits in common with a probability of 5e-20.
    hashed = ", ".join(f"CASE WHEN {fact} IS NOT NULL THEN hash({fact}) END AS {fact}" for fact in _FACTS)
    database.execute(f"CREATE TABLE {name} AS SELECT * REPLACE ({hashed}) FROM rows")
    database.unregister("rows")
    return index.num_rows


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
