"""What of an export is finished, kept beside the files until all is: a killed export goes on from it.

The export lies under a hidden name until its end. Its parts are written to a folder of their own, then a page of the
ledger says what they hold, whole or not at all, and only then are the files moved to their places. So a file in its
place is always whole and always told of, and whatever a killed process leaves is told of or deleted.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from exports.clip import ExportedClip
from exports.form import Row
from storage.whole_files import sync, unfinished, write_whole_text

WORK: Final = ".export"
_BEGUN: Final = "begun.json"
_PAGES: Final = "pages"
_STAGED: Final = "staged"
# Our choice: a disk writes several files at once about as fast as one.
_SYNCED_AT_ONCE: Final = 16


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


class Ledger:
    """The ledger of one export.

    Args:
        output: where the export will lie.
    """

    def __init__(self, output: Path) -> None:
        self.folder = unfinished(output)
        self._work = self.folder / WORK
        self._pages = self._work / _PAGES
        self._staged = self._work / _STAGED

    @property
    def lock(self) -> Path:
        """Of whoever writes."""
        return self._work / "lock"

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Begin, or go on with what was begun with the same dataset and the same settings.

        Raises:
            ValueError: it was begun with others.
        """
        begun, written = self._work / _BEGUN, json.dumps(identity, indent=2, sort_keys=True)
        if not begun.exists():
            write_whole_text(begun, written + "\n")
        found = json.loads(begun.read_text(encoding="utf-8"))
        if differing := sorted(name for name in identity if found.get(name) != identity[name]):
            raise ValueError(
                f"an export was begun in {self.folder} with another {', '.join(differing)}; give the same to go on, "
                "delete that folder, or name another output"
            )
        self._recover()

    def done(self) -> dict[int, Part]:
        """Of every shard that was begun, all its rows that are finished as one part."""
        done: dict[int, Part] = {}
        for part in self._parts():
            done[part.shard] = Part(shard=part.shard, first=0, end=part.end, is_last=part.is_last)
        return done

    def stage(self, part: Part) -> Path:
        """An empty folder for the files of a part."""
        folder = self._staged / part.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def commit(self, part: Part, entries: Sequence[Entry]) -> None:
        """Note a part as finished, and put its files in their places."""
        staged = self._staged / part.name
        paths = [path for path in staged.rglob("*") if path.is_file()]
        with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
            list(pool.map(sync, paths))
        files = {str(path.relative_to(staged)): path.stat().st_size for path in paths}
        lines = [json.dumps({"part": asdict(part), "files": files})]
        lines += [json.dumps(_named(entry), ensure_ascii=False, default=_fields_of) for entry in entries]
        write_whole_text(self._page(part.name), "\n".join(lines) + "\n")
        self._move(part.name)

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

    def _page(self, name: str) -> Path:
        return self._pages / f"{name}.jsonl"

    def _all_pages(self) -> list[Path]:
        return sorted(path for path in self._pages.glob("*.jsonl") if not path.name.startswith("."))

    def _parts(self) -> Iterator[Part]:
        for page in self._all_pages():
            yield Part(**_head(page)["part"])

    def _recover(self) -> None:
        """Finish what was noted, delete what was not, and forget parts whose files are gone."""
        for staged in self._staged.glob("*"):
            if self._page(staged.name).exists():
                self._move(staged.name)
            else:
                shutil.rmtree(staged)
        broken: set[str] = set()
        for page in self._all_pages():
            shard, _, _ = page.stem.partition("-")
            if shard in broken or not self._is_intact(page):
                broken.add(shard)  # what comes after it is done again too: a shard is finished from its first row on
                page.unlink()

    def _is_intact(self, page: Path) -> bool:
        files: dict[str, int] = _head(page)["files"]
        return all(_size(self.folder / name) == size for name, size in files.items())

    def _move(self, name: str) -> None:
        staged = self._staged / name
        for path in sorted(staged.rglob("*")):
            if path.is_file():
                place = self.folder / path.relative_to(staged)
                place.parent.mkdir(parents=True, exist_ok=True)
                path.replace(place)
        shutil.rmtree(staged)


def _head(page: Path) -> dict[str, Any]:
    with page.open(encoding="utf-8") as lines:
        head: dict[str, Any] = json.loads(next(lines))
    return head


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


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
