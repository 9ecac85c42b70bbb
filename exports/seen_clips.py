"""Which clips were there before: a table of their ids in a temporary file, of which little is in memory."""

import sqlite3
from typing import Final

# Our choice: a fourth more time, some microsecond a clip, than with SQLite's usual two megabytes.
_CACHE_KIB: Final = 256


class SeenClips:
    """Ids of clips, each of them once. The file has no name, and is gone with this."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._database.execute("CREATE TABLE seen (clip_id TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, clip_id: str) -> bool:
        """Note a clip; whether it was there before.

        Raises:
            OSError: the disk of temporary files is full.
        """
        try:
            return not self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (clip_id,)).rowcount
        except sqlite3.OperationalError as error:
            raise OSError(
                f"the ids of the clips cannot be kept in a temporary file ({error}); free some space there, or set "
                "TMPDIR to another folder, then run the same command again"
            ) from error
