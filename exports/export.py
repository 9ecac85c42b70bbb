"""Writes an export: parts of the dataset one after the other, then what the trainer opens first, then the end mark."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from dataset_schema import write_row_groups
from exports.clip import ExportedClip
from exports.config import ExportConfig
from exports.disk_ledger import DiskLedger
from exports.form import Format, Group, Row
from exports.ledger import BEGUN, WORK, Ledger, Part, RefusedEntry, WrittenEntry
from exports.part_files import write_part
from exports.planning import PlannedClip
from exports.published import Pictures, PublishedDataset, PublishedRow, rows_of
from exports.refusal import Refused
from exports.rendering import RenderedClip, render
from exports.store_ledger import StoreLedger, clear
from exports.survey import Counts, Planner
from storage.address import Address, Place
from storage.configs import to_plain
from storage.local_copy import local_copy
from storage.whole_files import whole_file

END_MARK: Final = "export.json"
MANIFEST: Final = "manifest.jsonl"
REFUSED: Final = "refused.jsonl"

# Of what an export is: one that another version began is not gone on with.
_VERSION: Final = 1
# Our choice: two parts of so many rows are what a killed export does again at most, where clips are cut.
_ROWS_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What an export came to.

    Attributes:
        is_new: whether this call wrote it; otherwise it was there.
        command: of the trainer, that comes next.
    """

    counts: Counts
    command: str
    is_new: bool


def export(
    dataset: PublishedDataset,
    form: Format,
    output: Place,
    config: ExportConfig,
    *,
    on_row: Callable[[int], object] = lambda _: None,
) -> Finished:
    """Write a dataset in a format; after a kill, the same call goes on.

    A folder is there whole at the end, or not at all. In a store every object is; `export.json` is put last.

    Args:
        dataset: as `open_dataset` gives it.
        form: the format.
        output: a folder that is not there yet, or an address below which nothing lies.
        config: what is wanted.
        on_row: told how many rows are done.

    Raises:
        BusyError: another process writes it.
        ValueError: something else is there, no row can be written, or the format's reader opens no address.
        OSError: also where a store refuses a write; what was put before stays, and the same call goes on.
    """
    output = output.absolute()
    expect_reader_opens(form, output)
    identity = _identity(dataset, form, config)
    if (found := finished_before(output, identity)) is not None:
        if isinstance(output, Address):
            clear(output)
        return found
    with _ledger(output) as ledger, ledger.alone():
        if (found := finished_before(output, identity)) is not None:  # by whoever was waited for
            return found
        ledger.begin(identity)
        _write_parts(dataset, form, config, ledger, on_row)
        counts, groups = _counted(ledger)
        if not counts.written:
            raise ValueError(
                f"no row of {dataset.root} could be written, nothing is exported; such as "
                f"{'; '.join(f'{reason}, {found}' for reason, found in counts.examples.items())}"
            )
        command = _write_heads(ledger, form, output, groups)
        mark = {"identity": identity, "rows": counts.rows, "counts": counts.to_json(), "command": command}
        ledger.finish(END_MARK, json.dumps(mark, indent=2, ensure_ascii=False) + "\n")
    return Finished(counts=counts, command=command, is_new=True)


def finished_before(output: Place, identity: Mapping[str, Any]) -> Finished | None:
    """What is said of the same export where it is there already; None where there is room for it.

    Raises:
        ValueError: something else is there.
    """
    if _is_free(output):
        return None
    try:
        mark = json.loads((output / END_MARK).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        mark = {}
    if mark.get("identity") != json.loads(json.dumps(identity)):
        raise ValueError(
            f"{output} exists and is another export, or none; name a new folder: trainers keep caches of what they "
            "have read under the same names"
        )
    return Finished(counts=Counts.from_json(mark["counts"]), command=mark["command"], is_new=False)


def expect_new_or_same(dataset: PublishedDataset, form: Format, output: Place, config: ExportConfig) -> None:
    """Refuse an output where something else is.

    Raises:
        ValueError: it is.
    """
    finished_before(output.absolute(), _identity(dataset, form, config))


def expect_reader_opens(form: Format, output: Place) -> None:
    """Refuse an output in a store that the format's reader cannot open; the store is not asked.

    Raises:
        ValueError: it is.
    """
    if isinstance(output, Address) and not form.opens_addresses:
        raise ValueError(
            f"output is {output}, and what reads {form.name} opens files of its own machine alone; name a folder, and "
            "copy that to where it is read, or choose a form that is read from a store (docs/formats.md)"
        )


def _is_free(output: Place) -> bool:
    """Whether nothing lies there; below an address, nothing but what this module began and did not finish."""
    if isinstance(output, Path):
        return not output.exists()
    names = {place.name for place in output.iterdir() if not place.name.startswith(".")}
    return not names or (END_MARK not in names and (output / WORK / BEGUN).is_file())


@contextmanager
def _ledger(output: Place) -> Iterator[Ledger]:
    if isinstance(output, Path):
        yield DiskLedger(output)
        return
    with TemporaryDirectory(prefix="export-") as scratch:
        yield StoreLedger(output, Path(scratch))


def _identity(dataset: PublishedDataset, form: Format, config: ExportConfig) -> dict[str, Any]:
    """What an export is made of; with anything else it is another one."""
    plain = to_plain(config)
    del plain["workers"]
    return {
        "version": _VERSION,
        "format": form.name,
        "config": plain,
        "dataset": str(dataset.root.absolute()),
        "dataset_id": dataset.id,
        "shards": [[path.name, size_bytes] for path, size_bytes in dataset.shards],
    }


def _write_parts(
    dataset: PublishedDataset, form: Format, config: ExportConfig, ledger: Ledger, on_row: Callable[[int], object]
) -> None:
    planner, done, rows = Planner(dataset, form, config), ledger.done(), 0
    pictures = Pictures.WHOLE if form.target.has_pictures else Pictures.NONE
    with ExitStack() as stack:
        make = partial(_rendered, form=form, config=config)
        pool = None
        if config.workers > 1:
            pool = stack.enter_context(ProcessPoolExecutor(config.workers, mp_context=get_context("spawn")))
        keeper = stack.enter_context(ThreadPoolExecutor(1))  # a disk or a store takes a part while the next is written
        kept: Future[None] | None = None
        for number, (shard, size_bytes) in enumerate(dataset.shards):
            before = done.get(number)
            for line in ledger.lines(number) if before else ():
                planner.pass_over(_clip_id(line))
                rows += 1
            if before is not None and before.is_last:
                continue
            with local_copy(shard) as file:
                rows_left = rows_of(shard, size_bytes, pictures=pictures, copy=file)
                for part, held in _parts(rows_left, number, before.end if before else 0, form.part_bytes):
                    jobs = [(_planned(planner, row), row, file) for row in held]
                    rendered = map(make, jobs) if pool is None else pool.map(make, jobs)
                    tar = f"{part.name}.tar" if form.packs else None
                    entries = write_part(rendered, ledger.stage(part), tar=tar)
                    if kept is not None:
                        kept.result()
                    kept = keeper.submit(ledger.commit, part, entries)
                    rows += len(entries)
                    on_row(rows)
        if kept is not None:
            kept.result()


def _parts(
    rows: Iterable[PublishedRow], shard: int, first: int, part_bytes: int
) -> Iterator[tuple[Part, list[PublishedRow]]]:
    """The rows of a shard from `first` on, in parts of some megabytes; the last one may be empty."""
    held: list[PublishedRow] = []
    size_bytes = 0
    at = first
    for row in islice(rows, first, None):
        if held and (len(held) >= _ROWS_AT_ONCE or size_bytes >= part_bytes):
            yield Part(shard=shard, first=at, end=at + len(held), is_last=False), held
            at, held, size_bytes = at + len(held), [], 0
        held.append(row)
        size_bytes += row.video_bytes
    yield Part(shard=shard, first=at, end=at + len(held), is_last=True), held


def _planned(planner: Planner, row: PublishedRow) -> PlannedClip | RefusedEntry:
    try:
        return planner.plan(row.sample, has_bytes=row.has_bytes)
    except Refused as refused:
        return RefusedEntry(clip_id=row.sample.clip_id, reason=refused.reason, detail=refused.detail)


def _rendered(
    job: tuple[PlannedClip | RefusedEntry, PublishedRow, Path], *, form: Format, config: ExportConfig
) -> RenderedClip | RefusedEntry:
    planned, row, file = job
    if isinstance(planned, RefusedEntry):
        return planned
    try:
        return render(planned, row.video(file), form, config)
    except Refused as refused:
        return RefusedEntry(clip_id=planned.clip.clip_id, reason=refused.reason, detail=refused.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What a format's own files are made of."""

    output: Place
    groups: tuple[Group, ...]
    ledger: Ledger

    def rows(self, group: str | None = None) -> Iterator[Row]:
        for line in self.ledger.lines():
            if "written" in line and group in (None, line["written"]["clip"]["group"]):
                yield line["written"]["row"]


@dataclass(slots=True)
class _Gathered:
    frames: int = 0
    references: int = 0
    clips: int = 0
    silent: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add(self, clip: ExportedClip) -> None:
        video = clip.video
        self.frames = max(self.frames, video.frames)
        self.references = max(self.references, len(clip.pictures))
        self.clips += 1
        self.silent += not video.has_sound
        self.sizes[video.height, video.width] += 1

    def as_group(self, name: str) -> Group:
        return Group(
            name=name,
            frames=self.frames,
            references=self.references,
            clips=self.clips,
            silent=self.silent,
            size=self.sizes.most_common(1)[0][0],
        )


def _counted(ledger: Ledger) -> tuple[Counts, tuple[Group, ...]]:
    counts, found = Counts(), defaultdict[str, _Gathered](_Gathered)
    for entry in ledger.entries():
        counts.add_entry(entry)
        if isinstance(entry, WrittenEntry):
            found[entry.clip.group].add(entry.clip)
    return counts, tuple(own.as_group(name) for name, own in sorted(found.items()))


def _write_heads(ledger: Ledger, form: Format, output: Place, groups: tuple[Group, ...]) -> str:
    """Write the format's own files, and what was written and refused; gives the trainer's command."""
    written = _Written(output=output, groups=groups, ledger=ledger)
    for name, lines in form.heads(written):
        _write_lines(ledger.folder / name, lines)
    for name, schema, groups_of_rows in form.tables(written):
        write_row_groups(ledger.folder / name, schema, groups_of_rows)
    command = form.command(written)
    written_lines = (line["written"]["clip"] for line in ledger.lines() if "written" in line)
    _write_lines(ledger.folder / MANIFEST, (json.dumps(clip, ensure_ascii=False) for clip in written_lines))
    refused_lines = (line["refused"] for line in ledger.lines() if "refused" in line)
    _write_lines(ledger.folder / REFUSED, (json.dumps(refused, ensure_ascii=False) for refused in refused_lines))
    return command


def _clip_id(line: Mapping[str, Any]) -> str:
    clip_id: str = line["written"]["clip"]["clip_id"] if "written" in line else line["refused"]["clip_id"]
    return clip_id


def _write_lines(path: Place, lines: Iterable[str]) -> None:
    with whole_file(path) as written, Path(written).open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
