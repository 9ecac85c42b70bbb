"""Takes clips out of a finished export: their files, what the trainer's own files say of them, their manifest lines.

Every file of a clip is named by its id, and so is its line in a list and its row in a table. So what a format's lists
say of other clips stays as it was written, byte for byte. The manifest comes last: until then it tells a second try
what is to be done.
"""

import json
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping
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
from exports.form import json_list
from exports.ledger import BEGUN, WORK
from exports.survey import Counts
from storage.address import Place
from storage.configs import from_plain
from storage.local_copy import local_copy
from storage.whole_files import unfinished, whole_file, write_whole_text

# Lists and settings of trainers; videos, pictures and tars lie elsewhere or have other names.
_LISTS: Final = frozenset({".json", ".jsonl", ".csv", ".txt", ".toml", ".yaml", ".md"})
_CATALOGUE: Final = "croissant.json"


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
    for path in paths:
        if path.suffix == ".tar":
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
    if lines[0] == "[" and lines[-1] == "]":
        staying = list(json_list(line.strip().removesuffix(",") for line in staying[1:-1]))
    text = "".join(f"{line}\n" for line in staying)
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
