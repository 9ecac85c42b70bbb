"""Takes clips out of a finished export: their files, what the trainer's own files say of them, their manifest lines.

Every file of a clip is named by its id, and so is its line in a list and its row in a table. So what a format's lists
say of other clips stays as it was written, byte for byte, but in `instances.json`, which numbers them. The manifest
comes last: until then it tells a second try what is to be done.
"""

import json
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_schema import write_row_groups
from exports.clip import ExportedClip, File
from exports.export import END_MARK, MANIFEST, REFUSED
from exports.form import json_lists, with_commas
from exports.ledger import BEGUN, WORK
from exports.survey import Counts
from storage.address import Place
from storage.configs import from_plain
from storage.local_copy import local_copy
from storage.whole_files import unfinished, whole_file, write_whole_text

# Lists and settings of trainers; videos, pictures and tars lie elsewhere or have other names.
_LISTS: Final = frozenset({".json", ".jsonl", ".csv", ".txt", ".toml", ".yaml", ".md"})
_CATALOGUE: Final = "croissant.json"
_INSTANCES: Final = "instances.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEntry:
    """A clip of an export, and its files."""

    clip_id: str
    source: Mapping[str, Any]
    files: tuple[File, ...]


def expect_finished(folder: Place) -> None:
    """Refuse what is no export, or is not finished.

    Raises:
        FileNotFoundError: there is none.
        ValueError: one was begun there.
    """
    begun = unfinished(folder) if isinstance(folder, Path) else folder / WORK / BEGUN
    if begun.exists():
        raise ValueError(f"{begun} tells of an export that was begun and is not finished; finish it, or delete that")
    if not is_export(folder):
        raise FileNotFoundError(f"{folder} holds no {MANIFEST} and {END_MARK}, expected what `export` wrote")


def is_export(folder: Place) -> bool:
    """Whether a finished export lies there."""
    return (folder / MANIFEST).is_file() and (folder / END_MARK).is_file()


def exported_from(folder: Place) -> tuple[str, str]:
    """Where the dataset of an export lay, and its id."""
    identity = json.loads((folder / END_MARK).read_text(encoding="utf-8"))["identity"]
    return identity["dataset"], identity["dataset_id"]


def find_exported(folder: Place, is_meant: Callable[[ExportedEntry], bool]) -> list[ExportedEntry]:
    """The clips of an export that are meant."""
    found = (_entry(line) for line in _lines(folder / MANIFEST))
    return [entry for entry in found if is_meant(entry)]


def forget_exported(folder: Place, clip_ids: Collection[str]) -> None:
    """Take clips out; clips that are not there, or not any more, are passed over."""
    entries = find_exported(folder, lambda entry: entry.clip_id in clip_ids)
    paths: list[Place] = sorted(folder.iterdir(), key=str)
    for path in [*paths, *_lists_below(paths)]:
        if path.name == _INSTANCES:
            _without_instances(path, clip_ids)
        elif path.suffix == ".tar":
            _without_members(path, clip_ids)
        elif path.suffix == ".parquet":
            _without_rows(path, clip_ids)
        elif path.suffix in _LISTS and path.name not in {MANIFEST, END_MARK}:
            _without_lines(path, clip_ids)
    for file in (file for entry in entries for file in entry.files):
        (folder / file.name).unlink(missing_ok=True)
    _count_anew(folder, clip_ids)
    _without_lines(folder / MANIFEST, clip_ids)


def _entry(line: str) -> ExportedEntry:
    clip = json.loads(line)
    pictures = [picture["file"] for picture in clip["pictures"]]
    named = (clip["video"]["file"], *pictures, *clip["texts"])
    files = tuple(File(**file) for file in named if file["name"])  # some formats write no video
    return ExportedEntry(clip_id=clip["clip_id"], source=clip["source"], files=files)


def _lines(path: Place) -> Iterator[str]:
    if path.is_file():
        with local_copy(path) as copy, copy.open(encoding="utf-8") as lines:
            yield from (line.rstrip("\n") for line in lines)


def _without_lines(path: Place, clip_ids: Collection[str]) -> None:
    lines = list(_lines(path))
    staying = [line for line in lines if not any(clip_id in line for clip_id in clip_ids)]
    if len(staying) == len(lines):
        return
    if (lines[0], lines[-1]) in {("[", "]"), ("{", "}")}:
        items = with_commas(line.strip().removesuffix(",") for line in staying[1:-1])
        staying = [lines[0], *items, lines[-1]]
    _write_lines(path, staying)


def _lists_below(paths: Iterable[Place]) -> Iterator[Place]:
    """The JSON in folders: of a format that has its lists there."""
    for path in paths:
        if not path.is_file():
            yield from sorted((each for each in path.iterdir() if each.suffix == ".json"), key=str)


def _without_instances(path: Place, clip_ids: Collection[str]) -> None:
    """COCO's lists and those like them name clips by numbers, from 1 on: all are numbered anew."""
    content = json.loads("\n".join(_lines(path)))
    media, of_medium = next((name, f"{name[:-1]}_id") for name in ("images", "videos") if name in content)
    staying = [medium for medium in content[media] if not any(clip_id in json.dumps(medium) for clip_id in clip_ids)]
    if len(staying) == len(content[media]):
        return
    places = {medium["id"]: number for number, medium in enumerate(staying, start=1)}
    shown = [each for each in content["annotations"] if each[of_medium] in places]
    words = {each["category_id"] for each in shown}
    kept = [category for category in content["categories"] if category["id"] in words]
    numbers = {category["id"]: number for number, category in enumerate(kept, start=1)}
    lists = {
        media: [{**medium, "id": places[medium["id"]]} for medium in staying],
        "categories": [{**category, "id": numbers[category["id"]]} for category in kept],
        "annotations": [
            {**each, "id": number, of_medium: places[each[of_medium]], "category_id": numbers[each["category_id"]]}
            for number, each in enumerate(shown, start=1)
        ],
    }
    _write_lines(path, json_lists((name, map(json.dumps, rows)) for name, rows in lists.items()))


def _write_lines(path: Place, lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    _renew_digest(path.with_name(_CATALOGUE), sha256(path.read_bytes()).hexdigest(), sha256(text.encode()).hexdigest())
    write_whole_text(path, text)


def _renew_digest(catalogue: Place, former: str, present: str) -> None:
    """What a catalogue says of a list, before the list is written: so a killed run is finished by another."""
    if catalogue.is_file() and former in (text := catalogue.read_text(encoding="utf-8")):
        write_whole_text(catalogue, text.replace(former, present))


def _without_rows(path: Place, clip_ids: Collection[str]) -> None:
    """Tables name clips in a column."""
    gone = pa.array(sorted(clip_ids), pa.string())
    with local_copy(path) as copy, pq.ParquetFile(copy) as file:
        if not pc.any(pc.is_in(file.read(["clip_id"])["clip_id"], gone)).as_py():
            return
        groups = (file.read_row_group(number) for number in range(file.num_row_groups))
        staying = (rows.filter(pc.invert(pc.is_in(rows["clip_id"], gone))) for rows in groups)
        write_row_groups(path, file.schema_arrow, staying)


def _without_members(path: Place, clip_ids: Collection[str]) -> None:
    """A clip's members have its id up to the first dot of their names."""
    with local_copy(path) as copy, tarfile.open(copy) as tar:
        members = [member for member in tar if member.name.partition(".")[0] not in clip_ids]
        if len(members) == len(tar.getmembers()):
            return
        if not members:
            path.unlink()
            return
        with whole_file(path) as written, tarfile.open(written, "w") as output:
            for member in members:
                output.addfile(member, tar.extractfile(member))


def _count_anew(folder: Place, clip_ids: Collection[str]) -> None:
    """The end mark, with the clips that stay; what the export was made of, it says as before."""
    mark = json.loads((folder / END_MARK).read_text(encoding="utf-8"))
    counts = Counts()
    for line in _lines(folder / MANIFEST):
        clip = from_plain(ExportedClip, json.loads(line))
        if clip.clip_id not in clip_ids:
            counts.add(clip)
    for line in _lines(folder / REFUSED):
        counts.refuse(**json.loads(line))
    counted = {**mark, "rows": counts.rows, "counts": counts.to_json()}
    if counted != mark:
        write_whole_text(folder / END_MARK, json.dumps(counted, indent=2, ensure_ascii=False) + "\n")
