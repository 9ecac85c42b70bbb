"""The ledger of an export to a folder: all of it lies under a hidden name until its end.

The files of a part are on disk before its page is written, and in their places after it. So what a page tells of is
whole, and a file in its place is always told of.
"""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from exports.ledger import WORK, Ledger
from storage.whole_files import publish, sync, unfinished, write_whole_text

# Our choice: a disk writes several files at once about as fast as one.
_SYNCED_AT_ONCE: Final = 16


class DiskLedger(Ledger):
    """The ledger of an export to a folder.

    Args:
        output: where the export will lie.
    """

    def __init__(self, output: Path) -> None:
        self._hidden, self._place = unfinished(output), output
        super().__init__(output, folder=self._hidden, work=self._hidden / WORK)

    def finish(self, end_mark: str, text: str) -> None:
        """Write the end mark, and give the folder its name."""
        write_whole_text(self._hidden / end_mark, text)
        shutil.rmtree(self._hidden / WORK)
        publish(self._place, are_files_synced=True)  # parts are when they are noted, heads when they are written

    def _recover(self) -> None:
        for staged in self._staged.glob("*"):
            if self._page(staged.name).exists():
                self._move(staged.name)
            else:
                shutil.rmtree(staged)

    def _keep(self, name: str, files: Mapping[str, Path], page: str) -> None:
        with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
            list(pool.map(sync, files.values()))
        write_whole_text(self._page(name), page)
        self._move(name)

    def _is_there(self, name: str, size_bytes: int) -> bool:
        try:
            return (self._hidden / name).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def _drop(self, page: Path) -> None:
        page.unlink()

    def _move(self, name: str) -> None:
        staged = self._staged / name
        for path in sorted(staged.rglob("*")):
            if path.is_file():
                place = self._hidden / path.relative_to(staged)
                place.parent.mkdir(parents=True, exist_ok=True)
                path.replace(place)
        shutil.rmtree(staged)
