"""Answers on disk, so that no run asks a model twice about the same caption."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from curation.stage import ClipError
from dataset_schema import FailureKind

# Our choice: a worker that adds a batch is done in milliseconds, so whoever waits longer waits for a dead disk.
_LOCK_TIMEOUT_S: Final = 60.0

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS answers (
    model TEXT, prompt TEXT, caption TEXT, answer TEXT NOT NULL, PRIMARY KEY (model, prompt, caption)
) WITHOUT ROWID
"""
_FIND: Final = "SELECT answer FROM answers WHERE model = ? AND prompt = ? AND caption = ?"
_ADD: Final = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)"


class AnswerCache:
    """A SQLite file that any number of processes of one machine may use at the same time.

    Our choice: SQLite, because it comes with Python, stays whole when a run is killed, and anybody can look into it;
    with its ordinary journal, which file systems over a network bear better than the faster one. What a model answered
    is kept whether or not it can be parsed: the same question gets the same answer, and a better parser may read it.

    Args:
        path: the file; made when it is not there.
        model: what the model is, with everything that decides its answers but the question.
        prompt: version of the instruction.
    """

    def __init__(self, path: Path, *, model: str, prompt: str) -> None:
        self._path = path
        self._model = model
        self._prompt = prompt

    def create(self) -> None:
        """Make the file, or see that it is one.

        Raises:
            ValueError: it is another file.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._open() as database:
                database.execute(_TABLE)
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"answer cache {self._path} cannot be used ({error}), expected a file that an earlier run made, or none"
            ) from error

    def find(self, captions: Sequence[str]) -> dict[str, str]:
        """The answers that are there."""
        with self._open() as database:
            rows = [
                (caption, database.execute(_FIND, (self._model, self._prompt, caption)).fetchone())
                for caption in captions
            ]
        return {caption: row[0] for caption, row in rows if row is not None}

    def add(self, answers: Mapping[str, str]) -> None:
        """Keep answers; one that is there already stays."""
        with self._open() as database:
            database.executemany(
                _ADD, [(self._model, self._prompt, caption, answer) for caption, answer in answers.items()]
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction; none is kept, since workers are copied, pickled and killed."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_LOCK_TIMEOUT_S)) as database, database:
                yield database
        except sqlite3.OperationalError as error:
            raise ClipError(FailureKind.IO, f"answer cache {self._path}: {error}; see to its disk") from error
