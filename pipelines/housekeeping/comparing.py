"""Two datasets of the same clips: what became of them in the one and in the other, and what was measured otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from curation.execution.settings import changed_settings
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
    settings: tuple[str, ...]
    moved: tuple[Moved, ...]
    scores: tuple[ChangedScore, ...]
    facts: tuple[ChangedFact, ...]

    @property
    def is_none(self) -> bool:
        """Whether every clip of either dataset is in the other, and the same there."""
        return not (self.moved or self.scores or self.facts)


def compare(first: Place, second: Place) -> Difference:
    """In what two datasets differ, asked of their indexes; clips are the same by their ids. Nothing is written.

    Raises:
        OSError: one is no dataset.
        ValueError: one is damaged.
    """
    settings = changed_settings(read_manifest(first), read_manifest(second))
    with scratch_database() as database:
        clips = _load(database, "first", open_index(first)), _load(database, "second", open_index(second))
        # A view: joined anew for every question, because that takes two columns, and all at once take more than memory.
        both = ", ".join(f"a.{name} AS a_{name}, b.{name} AS b_{name}" for name in _COLUMNS if name != "clip_id")
        database.execute(f"CREATE VIEW pairs AS SELECT clip_id, {both} FROM first a JOIN second b USING (clip_id)")
        (shared,) = database.sql("SELECT count(*) FROM pairs").fetchall()[0]
        return Difference(
            clips=clips,
            shared=shared,
            settings=tuple(settings),
            moved=tuple(_moved(database)),
            scores=tuple(_scores(database)),
            facts=tuple(_facts(database)),
        )


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


def _moved(database: duckdb.DuckDBPyConnection) -> Iterator[Moved]:
    end = "{0}.outcome || coalesce(': ' || {0}.reason || ' (' || {0}.stage || ')', '')"
    rows = database.sql(
        f"SELECT {end.format('a')} AS was, {end.format('b')} AS now, count(*) AS clips, min(clip_id) "
        "FROM first a FULL JOIN second b USING (clip_id) "
        "GROUP BY ALL HAVING was IS DISTINCT FROM now ORDER BY clips DESC, was, now"
    )
    for first, second, clips, example in rows.fetchall():
        yield Moved(first=first, second=second, clips=clips, example=example)


_CHANGED_SCORE: Final = """
    SELECT count(*), count(*) FILTER (now IS NULL), count(*) FILTER (was IS NULL), median(abs(now - was)),
        max(abs(now - was)), min(clip_id)
    FROM ({pairs}) WHERE was IS DISTINCT FROM now
"""
_MORE: Final = """
    SELECT name, count(*), count(*) FILTER (now IS NULL), count(*) FILTER (was IS NULL), median(abs(now - was)),
        max(abs(now - was)), min(clip_id)
    FROM (SELECT clip_id, unnest(a_more, recursive := true) FROM pairs) AS x(clip_id, name, was)
    FULL JOIN (SELECT clip_id, unnest(b_more, recursive := true) FROM pairs) AS y(clip_id, name, now)
        USING (clip_id, name)
    WHERE was IS DISTINCT FROM now GROUP BY name ORDER BY name
"""


def _scores(database: duckdb.DuckDBPyConnection) -> Iterator[ChangedScore]:
    core = (
        (name, *row)
        for name in _SCORES
        for row in database.sql(
            _CHANGED_SCORE.format(pairs=f"SELECT clip_id, a_{name} AS was, b_{name} AS now FROM pairs")
        ).fetchall()
    )
    for name, clips, only_first, only_second, median, largest, example in (*core, *database.sql(_MORE).fetchall()):
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


def _facts(database: duckdb.DuckDBPyConnection) -> Iterator[ChangedFact]:
    """Of clips that ended alike; the lengths of media are known of shards of the newest layout alone."""
    for name in _FACTS:
        known = f"AND a_{name} IS NOT NULL AND b_{name} IS NOT NULL" if name == "media_lengths" else ""
        clips, example = database.sql(
            f"SELECT count(*), min(clip_id) FROM pairs "
            f"WHERE a_outcome = b_outcome AND a_{name} IS DISTINCT FROM b_{name} {known}"
        ).fetchall()[0]
        if clips:
            yield ChangedFact(name=name, clips=clips, example=example)
