"""What of an export is finished, kept beside its files until all is: a killed export goes on from it.

Files of a part are written to a folder of their own; a page, which is there whole or not at all, says what they hold.
Whatever a killed process leaves is told of by a page or deleted. Where files lie, and when a page is written, a disk
and a store do each in its own way: `disk_ledger.py`, `store_ledger.py`.
"""

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from exports.clip import ExportedClip
from exports.form import Row
from storage.address import Place
from storage.lock import expect_held, held_alone
from storage.whole_files import write_whole_text

WORK: Final = ".export"
BEGUN: Final = "begun.json"
PAGES: Final = "pages"
_LOCK: Final = "lock"
_STAGED: Final = "staged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows `[first, end)` of a shard, by its number.

    Attributes:
        is_last: whether the shard has no more.
    """

    shard: int
    first: int
    end: int
    is_last: bool

    @property
    def name(self) -> str:
        """Of its page and its folder."""
        return f"{self.shard:05d}-{self.first:08d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenEntry:
    """A row that was written."""

    clip: ExportedClip
    row: Row

    @property
    def clip_id(self) -> str:
        """Of the row."""
        return self.clip.clip_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedEntry:
    """A row that was not."""

    clip_id: str
    reason: str
    detail: str


Entry = WrittenEntry | RefusedEntry


class Ledger(ABC):
    """The ledger of one export.

    Args:
        output: where the export will lie.
        folder: where its files lie until it is whole.
        work: a folder of this machine for pages, and for files that are being written.
    """

    def __init__(self, output: Place, *, folder: Place, work: Path) -> None:
        self.folder = folder
        self._output = output
        self._pages = work / PAGES
        self._staged = work / _STAGED

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from this export within the block.

        Raises:
            BusyError: another process writes it.
        """
        busy = f"{self._output} is being written by another command; wait for its end"
        with held_alone(self._lock, busy=busy) as self._holder:
            yield

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Begin, or go on with what was begun with the same dataset and the same settings.

        Raises:
            ValueError: it was begun with others.
        """
        begun, written = self.folder / WORK / BEGUN, json.dumps(identity, indent=2, sort_keys=True)
        if not begun.is_file():
            write_whole_text(begun, written + "\n")
        found = json.loads(begun.read_text(encoding="utf-8"))
        if differing := sorted(name for name in identity if found.get(name) != identity[name]):
            raise ValueError(
                f"an export was begun in {self.folder} with another {', '.join(differing)}; give the same to go on, "
                "delete that folder, or name another output"
            )
        self._recover()
        self._forget_broken()

    def done(self) -> dict[int, Part]:
        """Of every shard that was begun, all its rows that are finished as one part."""
        done: dict[int, Part] = {}
        for page in self._all_pages():
            part = Part(**_head(page)["part"])
            done[part.shard] = Part(shard=part.shard, first=0, end=part.end, is_last=part.is_last)
        return done

    def stage(self, part: Part) -> Path:
        """An empty folder for the files of a part."""
        folder = self._staged / part.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def commit(self, part: Part, entries: Sequence[Entry]) -> None:
        """Put the files of a part in their places, and note it as finished.

        Raises:
            BusyError: a store was out of reach for so long that another process went on with the export.
        """
        self.expect_alone()
        staged = self._staged / part.name
        files = {path.relative_to(staged).as_posix(): path for path in staged.rglob("*") if path.is_file()}
        head = {"part": asdict(part), "files": {name: path.stat().st_size for name, path in files.items()}}
        lines = [json.dumps(head)]
        lines += [json.dumps(_named(entry), ensure_ascii=False, default=_fields_of) for entry in entries]
        self._keep(part.name, files, "\n".join(lines) + "\n")

    def expect_alone(self) -> None:
        """Refuse to go on where another process took the export over.

        Raises:
            BusyError: one did.
        """
        expect_held(self._lock, self._holder)

    def entries(self) -> Iterator[Entry]:
        """What became of the rows, in the order of the dataset."""
        return map(_entry_of_json, self.lines())

    def lines(self, shard: int | None = None) -> Iterator[dict[str, Any]]:
        """The same as it is noted: `written` with its `clip` and its `row`, or `refused`."""
        for page in self._all_pages():
            if shard is None or page.name.startswith(f"{shard:05d}-"):
                with page.open(encoding="utf-8") as lines:
                    next(lines)
                    yield from map(json.loads, lines)

    @abstractmethod
    def finish(self, end_mark: str, text: str) -> None:
        """Write the file that says that all is there, last, and leave nothing but the export."""

    @abstractmethod
    def _recover(self) -> None:
        """Have the pages that there are, and nothing of parts that have none."""

    @abstractmethod
    def _keep(self, name: str, files: Mapping[str, Path], page: str) -> None:
        """Put staged files in their places, and write the page of their part."""

    @abstractmethod
    def _is_there(self, name: str, size_bytes: int) -> bool:
        """Whether a file is in its place."""

    @abstractmethod
    def _drop(self, page: Path) -> None:
        """Delete a page."""

    @property
    def _lock(self) -> Place:
        return self.folder / WORK / _LOCK

    def _page(self, name: str) -> Path:
        return self._pages / f"{name}.jsonl"

    def _all_pages(self) -> list[Path]:
        return sorted(path for path in self._pages.glob("*.jsonl") if not path.name.startswith("."))

    def _forget_broken(self) -> None:
        """Drop parts of which files are gone; what comes after one is done again too, up to the end of its shard."""
        broken: set[str] = set()
        for page in self._all_pages():
            shard, _, _ = page.stem.partition("-")
            files: dict[str, int] = _head(page)["files"]
            if shard in broken or not all(self._is_there(name, size) for name, size in files.items()):
                broken.add(shard)
                self._drop(page)


def _head(page: Path) -> dict[str, Any]:
    with page.open(encoding="utf-8") as lines:
        head: dict[str, Any] = json.loads(next(lines))
    return head


def _named(entry: Entry) -> dict[str, Entry]:
    return {"written" if isinstance(entry, WrittenEntry) else "refused": entry}


def _fields_of(record: Any) -> dict[str, Any]:
    """A record as JSON has it; in time less than a tenth of `asdict`'s, which copies every text."""
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _entry_of_json(content: dict[str, Any]) -> Entry:
    if "refused" in content:
        return RefusedEntry(**content["refused"])
    written = content["written"]
    return WrittenEntry(clip=ExportedClip.from_json(written["clip"]), row=written["row"])
