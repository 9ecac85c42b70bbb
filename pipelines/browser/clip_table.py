"""The clips of an index as a table to ask: which of them answer a query, in which order, and what a page shows of some.

DuckDB reads the parts of the index where they lie. A query gives the places of its clips alone, as numbers; what a page
shows is read for its own clips, and the next clip of an order is the next number.
"""

import shutil
import tempfile
import threading
import weakref
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset_schema import Index
from dataset_schema.index.columns import SCORE_NAMES
from dataset_schema.index.parts import Part
from dataset_schema.rows import Row
from pipelines.browser.clip_query import WORD_COLUMNS, ClipQuery
from pipelines.queried_shards import queried

Places = npt.NDArray[np.int64]

# Our choice: a small machine's share. DuckDB puts what does not fit on the disk; an order of a million takes 8 MB.
_MEMORY: Final = "300MB"
_ORDERS_IN_MEMORY: Final = 12
_ROWS_IN_MEMORY: Final = 1000
_ROWS_OF_BATCH: Final = 100_000

_ASKED: Final = (
    *("clip_id", "outcome", "stage", "reason", "caption", "subjects", "objects", "backgrounds", "bucket"),
    *("duration_s", "num_references", "num_faces", "has_background"),
    *SCORE_NAMES,
)
SHOWN: Final = (
    *("clip_id", "outcome", "stage", "reason", "detail", "source_uri", "source_start_s", "source_end_s", "num_clips"),
    *("licence", "consent", "rights_holder", "content_sha256", "perceptual_hash"),
    *("caption", "entities", "num_references", "num_faces", "has_background", "bucket", "num_frames", "fps", "height"),
    *("width", "duration_s", "shard", "row", "video_path", "video_start_s", "media_offsets", "media_lengths"),
    *SCORE_NAMES,
)
# Of a clip in a gallery: its clips may lie in as many row groups, and of each all is read that is asked for.
_OF_CARDS: Final = (
    *("clip_id", "outcome", "stage", "reason", "detail", "source_uri", "caption", "num_references", "bucket"),
    *("media_offsets", "desirable"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """The clips of a query.

    Attributes:
        places: of all of them, in its order.
    """

    places: Places

    def __len__(self) -> int:
        return len(self.places)

    def page(self, number: int, size: int) -> list[int]:
        """The places on a page, counted from 1."""
        return [int(place) for place in self.places[(number - 1) * size : number * size]]

    def position(self, place: int) -> int | None:
        """Where in the order a clip stands; None where the query does not find it."""
        at = np.flatnonzero(self.places == place)
        return int(at[0]) if len(at) else None


class ClipTable:
    """The rows of an index. A clip's place is its number among the rows of the parts, then of those not written.

    Any thread may ask. What a query found is kept, for as long as few others are asked after it.

    Args:
        index: of the dataset.
        scratch: where DuckDB may put what its memory does not hold.
    """

    def __init__(self, index: Index, scratch: Path) -> None:
        whole = frozenset(index.paths)
        self._parts: list[Part] = [part for part in index.parts if part.path in whole]
        self._unwritten = index.unwritten()
        counts = [*(part.num_rows for part in self._parts), len(self._unwritten)]
        self._starts = [0, *accumulate(counts)]
        self._lock = threading.Lock()
        self._search_lock = threading.Lock()
        self._orders: OrderedDict[tuple[tuple[str, str], ...], Found] = OrderedDict()
        self._rows: OrderedDict[int, Row] = OrderedDict()
        self._folder = Path(tempfile.mkdtemp(dir=scratch))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._is_searchable = False
        config: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "memory_limit": _MEMORY,
            "temp_directory": str(self._folder),
        }
        self._database = duckdb.connect(config=config)
        self._create_view()

    @property
    def num_rows(self) -> int:
        """How many clips there are."""
        return self._starts[-1]

    @property
    def num_unwritten(self) -> int:
        """How many of them no part of the index holds."""
        return len(self._unwritten)

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement over `clips`."""
        return self._database.cursor().execute(sql, list(values)).fetchall()

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a statement over `clips`, some at a time."""
        yield from self._database.cursor().sql(sql).to_arrow_reader(_ROWS_OF_BATCH)

    def find(self, query: ClipQuery) -> Found:
        """The places of the clips that a query finds, in its order."""
        key = tuple(query.address())
        with self._lock:
            if key in self._orders:
                self._orders.move_to_end(key)
                return self._orders[key]
        if query.is_search:
            self.make_searchable()
        where = query.where()
        statement = f"SELECT place FROM clips WHERE {where.sql} ORDER BY {query.order()}"
        columns = self._database.cursor().execute(statement, list(where.values)).fetchnumpy()
        found = Found(np.asarray(columns["place"], np.int64))
        with self._lock:
            self._orders[key] = found
            while len(self._orders) > _ORDERS_IN_MEMORY:
                self._orders.popitem(last=False)
        return found

    def make_searchable(self) -> None:
        """Write captions and words once more, as searches want them: in lower case, and a row for every word.

        They lie in a file of the scratch folder, captions as they are: to take compression back, and to make letters
        small, was three quarters of what a search in the index cost.
        """
        with self._search_lock:
            if self._is_searchable:
                return
            database = self._database.cursor()
            database.execute(f"ATTACH IF NOT EXISTS {_quoted(str(self._folder / 'search.duckdb'))} AS search")
            database.execute("SET force_compression = 'uncompressed'")
            database.execute(
                "CREATE OR REPLACE TABLE search.captions AS "
                "SELECT place, lower(caption) AS caption FROM clips WHERE caption IS NOT NULL"
            )
            database.execute("SET force_compression = 'auto'")
            words = (
                f"SELECT place, '{column}' AS kind, lower(unnest({column})) AS word FROM clips"
                for column in WORD_COLUMNS.values()
            )
            database.execute(f"CREATE OR REPLACE TABLE search.words AS {' UNION ALL '.join(words)}")
            self._is_searchable = True

    def ends(self, names: Sequence[str]) -> dict[str, tuple[float, float]]:
        """The least and the greatest value of numbers, as footers say them; nothing of one that no clip has."""
        found: dict[str, list[float]] = {name: [] for name in names}
        for part in self._parts:
            numbers = {part.metadata.schema.column(number).path: number for number in range(part.metadata.num_columns)}
            for group in map(part.metadata.row_group, range(part.metadata.num_row_groups)):
                for name in names:
                    statistics = group.column(numbers[name]).statistics
                    if statistics is not None and statistics.has_min_max:
                        found[name] += (statistics.min, statistics.max)
        for name in names:
            found[name] += self._unwritten[name].drop_null().to_pylist()
        return {name: (min(values), max(values)) for name, values in found.items() if values}

    def place_of(self, clip_id: str, *, guess: int | None = None) -> int | None:
        """Where a clip stands; looked for only where it is not at the guessed place."""
        if guess is not None and 0 <= guess < self.num_rows and self.row(guess)["clip_id"] == clip_id:
            return guess
        return self.places_of([clip_id]).get(clip_id)

    def places_of(self, clip_ids: Sequence[str]) -> dict[str, int]:
        """Where clips stand, those that there are."""
        named = ", ".join("?" * len(clip_ids))
        return dict(self.ask(f"SELECT clip_id, place FROM clips WHERE clip_id IN ({named})", clip_ids))

    def row(self, place: int) -> Row:
        """What the index says of one clip, as far as pages show it."""
        return self.rows([place])[0]

    def cards(self, places: Sequence[int], *more: str) -> list[Row]:
        """What a gallery shows of several clips, in their order, and some columns more."""
        found = self._read(places, tuple(dict.fromkeys((*_OF_CARDS, *more))))
        return [found[place] for place in places]

    def rows(self, places: Sequence[int]) -> list[Row]:
        """What the index says of several clips, as far as pages show it, in their order."""
        with self._lock:
            found = {place: self._rows[place] for place in places if place in self._rows}
        found |= self._read(frozenset(places) - found.keys(), SHOWN)
        with self._lock:
            self._rows |= found
            while len(self._rows) > _ROWS_IN_MEMORY:
                self._rows.popitem(last=False)
        return [found[place] for place in places]

    def _group_of(self, place: int) -> tuple[int, int]:
        """The part of a place, and the row group there."""
        number = bisect_right(self._starts, place, hi=len(self._parts) + 1) - 1
        if number == len(self._parts):
            return number, place
        return number, bisect_right(self._parts[number].group_ends, place - self._starts[number])

    def _read(self, places: Iterable[int], columns: Sequence[str]) -> dict[int, Row]:
        """The rows at some places; those of one row group are read together."""
        found: dict[int, Row] = {}
        for _, together in groupby(sorted(places), key=self._group_of):
            found |= self._read_group(list(together), columns)
        return found

    def _read_group(self, places: Sequence[int], columns: Sequence[str]) -> dict[int, Row]:
        number, _ = self._group_of(places[0])
        first = places[0] - self._starts[number]
        count = places[-1] - places[0] + 1
        if number < len(self._parts):
            found = self._parts[number].read(range(first, first + count), columns)
        else:
            found = self._unwritten.slice(first, count).select(columns)
        wanted = found.take(pa.array([place - places[0] for place in places], pa.int64()))
        return dict(zip(places, map(dict, wanted.to_pylist()), strict=True))

    def _create_view(self) -> None:
        """A view is text, so the names of the parts stand in it; they are the dataset's own, and quoted."""
        columns = ", ".join(_ASKED)
        unwritten = self._unwritten.select(_ASKED).append_column(
            "place", pa.array(self._unwritten_places(), pa.int64())
        )
        self._database.register("given", unwritten)
        self._database.execute("CREATE TABLE unwritten AS SELECT * FROM given")
        self._database.unregister("given")
        with queried(self._database, [part.path for part in self._parts]) as names:
            some = [
                f"SELECT {columns}, file_row_number + {start} AS place "
                f"FROM read_parquet({_quoted(name)}, file_row_number = true)"
                for name, start in zip(names, self._starts, strict=False)
            ]
        some.append(f"SELECT {columns}, place FROM unwritten")
        self._database.execute(f"CREATE VIEW clips AS {' UNION ALL '.join(some)}")

    def _unwritten_places(self) -> range:
        start = self._starts[len(self._parts)]
        return range(start, start + len(self._unwritten))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
