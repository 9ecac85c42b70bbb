"""The ledger of an export to a store, where nothing can be renamed, and every object is there whole or not at all.

The files of a part are put in their places, then its page; the end mark is put last of all, and says that the export is
one. Pages lie in the store for whoever goes on, and on this machine for whoever writes, who reads them several times.
"""

import re
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from exports.ledger import BEGUN, PAGES, WORK, Ledger
from storage.address import Address
from storage.whole_files import put_file, write_whole_text

# Our choice: a request waits for the line far longer than it works.
_ASKED_AT_ONCE: Final = 16
_PART_NAME: Final = re.compile(r"\d{5}-\d{8}")


class StoreLedger(Ledger):
    """The ledger of an export to a store.

    Args:
        output: where the export will lie.
        scratch: an empty folder of this machine, for two parts at a time and for pages.
    """

    def __init__(self, output: Address, scratch: Path) -> None:
        self._store, self._sizes = output, dict[str, int]()
        super().__init__(output, folder=output, work=scratch)

    def begin(self, identity: Mapping[str, Any]) -> None:
        """As everywhere; then delete what a killed process put and did not tell of."""
        super().begin(identity)
        told = {page.stem for page in self._all_pages()}
        _delete(self._store / name for name in self._sizes if _part_of(name) not in {None, *told})

    def finish(self, end_mark: str, text: str) -> None:
        """Put the end mark, then delete the rest; the lease stays, since whoever waits for it has to find it."""
        self.expect_alone()
        write_whole_text(self._store / end_mark, text)
        clear(self._store)

    def _recover(self) -> None:
        self._pages.mkdir(parents=True, exist_ok=True)
        self._sizes = {place.relative_to(self._store).as_posix(): size for place, size in self._store.sized_below("*")}
        pages = [self._store / name for name in self._sizes if name.startswith(f"{WORK}/{PAGES}/")]
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
            for page, content in zip(pages, pool.map(Address.read_bytes, pages), strict=True):
                (self._pages / page.name).write_bytes(content)

    def _keep(self, name: str, files: Mapping[str, Path], page: str) -> None:
        for place, path in files.items():
            put_file(path, self._store / place)
        write_whole_text(self._store / WORK / PAGES / self._page(name).name, page)
        self._page(name).write_text(page, encoding="utf-8")
        shutil.rmtree(self._staged / name)

    def _is_there(self, name: str, size_bytes: int) -> bool:
        return self._sizes.get(name) == size_bytes

    def _drop(self, page: Path) -> None:
        (self._store / WORK / PAGES / page.name).unlink(missing_ok=True)
        page.unlink()


def clear(output: Address) -> None:
    """Delete what a finished export does not need, also where it was killed before it did so itself."""
    _delete([*(output / WORK / PAGES).rglob("*"), output / WORK / BEGUN])


def _part_of(name: str) -> str | None:
    """The part that a file at the top is named by; None where it is named by none."""
    stem, _, _ = name.partition(".")
    return stem if _PART_NAME.fullmatch(stem) else None


def _delete(places: Iterable[Address]) -> None:
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        list(pool.map(lambda place: place.unlink(missing_ok=True), places))
