"""What to curate: a folder of videos, or a CSV, JSONL or Parquet manifest of (video, caption, optional span) (A.1).

Every row comes out exactly once, in order: as a clip, or as a failure that says what is wrong with the row. Videos are
not touched here: a manifest may have millions of rows, and workers open them. Where a whole manifest is wrong, one
`ValueError` says so before anything runs.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from curation.records import Clip
from dataset_schema import FailedClip, FailureKind, Source

STAGE: Final = "read"

_SIDE_CAR: Final = ".txt"
_LONGEST_FIELD: Final = 1 << 26  # characters; the csv module refuses longer ones than its own small limit otherwise
_PEEKED_LINES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesConfig:
    """How to read the input.

    Attributes:
        caption: for videos that come without one; None leaves them without, and they are rejected.
        video_column: path or file:// URI, relative to the manifest's folder.
        caption_column: the caption; the column may be absent where `caption` or side-car files stand in.
        start_column: start of the span in seconds of presentation time; may be absent or empty.
        end_column: end of the span, not included; may be absent or empty.
        id_column: a name of your own for each row; may be absent.
    """

    caption: str | None = None
    video_column: str = "video"
    caption_column: str = "caption"
    start_column: str = "start_s"
    end_column: str = "end_s"
    id_column: str = "id"


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a manifest: where it stands, and its fields or what is wrong with it."""

    place: str
    number: int
    fields: Mapping[str, Any]
    problem: str | None = None


def read_sources(location: Path, config: SourcesConfig) -> Iterator[Clip | FailedClip]:
    """Every row of `location` as a clip to be curated, or as a failure.

    Raises:
        FileNotFoundError: there is nothing at `location`.
        ValueError: `location` holds no manifest that can be read, or no videos at all.
    """
    rows = _open(location, config)
    folder = (location if location.is_dir() else location.parent).resolve()
    return _records(rows, folder, config)


def count_sources(location: Path, config: SourcesConfig) -> int:
    """How many rows `read_sources` will give."""
    return sum(1 for _ in _open(location, config))


def clip_id_of(name: str, start_s: float | None, end_s: float | None) -> str:
    """The stable name of a source: the same on every machine for the same row, whatever lies around it."""
    return blake2b(json.dumps([name, start_s, end_s]).encode(), digest_size=16).hexdigest()


def _open(location: Path, config: SourcesConfig) -> Iterator[_Row]:
    """The rows of a folder or manifest; wrong ones raise here, before the first row is used."""
    if not location.exists():
        raise FileNotFoundError(
            f"input {location} does not exist; expected a folder or a .csv, .jsonl or .parquet manifest"
        )
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".ndjson": _jsonl_rows, ".parquet": _parquet_rows}
    if location.is_dir():
        rows = _folder_rows(location, config)
    elif location.suffix.lower() in readers:
        rows = readers[location.suffix.lower()](location, config)
    else:
        endings = ", ".join(sorted(readers))
        raise ValueError(f"input {location} is neither a folder nor a manifest; expected a name ending in {endings}")
    first = next(rows, None)
    if first is None:
        raise ValueError(f"input {location} is empty; expected at least one video")
    return _chain(first, rows)


def _chain(first: _Row, rest: Iterator[_Row]) -> Iterator[_Row]:
    yield first
    yield from rest


def _records(rows: Iterator[_Row], folder: Path, config: SourcesConfig) -> Iterator[Clip | FailedClip]:
    places: dict[str, str] = {}  # clip id -> the row that had it first
    for row in rows:
        record = _record(row, folder, config)
        if record.clip_id in places:
            problem = f"repeats the video and span (or the id) of {places[record.clip_id]}; remove one of the two"
            record = _failure(replace(row, problem=problem), folder, config)
        places.setdefault(record.clip_id, row.place)
        yield record


def _record(row: _Row, folder: Path, config: SourcesConfig) -> Clip | FailedClip:
    if row.problem is not None:
        return _failure(row, folder, config)
    try:
        name = _text(row, config.video_column)
        if not name:
            raise ValueError(f"column {config.video_column!r} is empty, expected the path of a video")
        start_s, end_s = (_seconds(row, column) for column in (config.start_column, config.end_column))
        clip_id = clip_id_of(_text(row, config.id_column) or name, start_s, end_s)
        source = Source(id=clip_id, uri=_resolve(name, folder), start_s=start_s, end_s=end_s)
        caption = _text(row, config.caption_column) or config.caption or ""
        extra = _extra(row, config)
    except (TypeError, ValueError) as error:
        return _failure(replace(row, problem=str(error)), folder, config)
    return Clip(clip_id=clip_id, source=source, caption=caption, extra=extra)


def _extra(row: _Row, config: SourcesConfig) -> str:
    """The columns that curation does not use, as a JSON object."""
    own = {
        getattr(config, field)
        for field in ("video_column", "caption_column", "start_column", "end_column", "id_column")
    }
    extra = {key: value for key, value in row.fields.items() if key not in own and value not in (None, "")}
    return _checked_text(json.dumps(extra, ensure_ascii=False, default=str), "the other columns")


def _failure(row: _Row, folder: Path, config: SourcesConfig) -> FailedClip:
    name = row.fields.get(config.video_column)
    clip_id = f"{clip_id_of(row.place, None, None)}-row{row.number}"
    return FailedClip(
        clip_id=clip_id,
        source=Source(id=clip_id, uri=_printable(str(folder / name) if isinstance(name, str) else str(folder))),
        stage=STAGE,
        kind=FailureKind.INPUT,
        error_type="ManifestRow",
        message=_printable(f"{row.place}: {row.problem}"),
    )


def _printable(text: str) -> str:
    """The text with bytes that are not UTF-8 written out, so that a table can hold it."""
    return text.encode(errors="backslashreplace").decode()


def _text(row: _Row, column: str) -> str:
    value = row.fields.get(column)
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise TypeError(f"column {column!r} holds a {type(value).__name__}, expected text")
    return _checked_text(str(value).strip(), f"column {column!r}")


def _checked_text(text: str, what: str) -> str:
    """The text, unless bytes that are not UTF-8 came through as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what}: not UTF-8 at character {error.start}; save the manifest as UTF-8") from error
    return text


def _seconds(row: _Row, column: str) -> float | None:
    text = _text(row, column)
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"column {column!r} holds {text!r}, expected seconds as a number") from None
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"column {column!r} holds {text}, expected a number of seconds from 0")
    return seconds


def _resolve(name: str, folder: Path) -> str:
    scheme, separator, path = name.partition("://")
    if separator and scheme == "file":
        return unquote(path)
    if separator:
        raise ValueError(
            f"names {name!r}, a {scheme}:// address; expected a file: copy it to a disk that the workers see"
        )
    return str(folder / name)


def _folder_rows(folder: Path, config: SourcesConfig) -> Iterator[_Row]:
    """Every regular file in the folder and below it, side-car captions and hidden files aside."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_hidden(path, folder)]
    side_cars = {path for path in files if path.suffix.lower() == _SIDE_CAR}
    described = {path.with_suffix("") for path in files if path not in side_cars} | set(files) - side_cars
    for number, path in enumerate(
        (p for p in files if p not in side_cars or p.with_suffix("") not in described), start=1
    ):
        name = path.relative_to(folder).as_posix()
        beside = [car for car in (Path(f"{path}{_SIDE_CAR}"), path.with_suffix(_SIDE_CAR)) if car in side_cars - {path}]
        fields = {config.video_column: name}
        if beside:
            fields[config.caption_column] = beside[0].read_text(encoding="utf-8", errors="surrogateescape").strip()
        yield _Row(f"file {name}", number, fields)


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _csv_rows(path: Path, config: SourcesConfig) -> Iterator[_Row]:
    csv.field_size_limit(_LONGEST_FIELD)
    _refuse_binary(path)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval=None)
        columns = reader.fieldnames or []
        if config.video_column not in columns:
            raise ValueError(
                f"manifest {path} has the columns {', '.join(columns) or '(none)'}, expected one named "
                f"{config.video_column!r}; rename it, or name yours with --sources.video-column"
            )
        number = 0
        while True:
            number += 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _Row(f"line {reader.line_num} of {path.name}", number, {}, f"cannot be read as CSV: {error}")
                continue
            problem = f"has more than {len(columns)} fields; quote a caption with commas" if "" in fields else None
            yield _Row(f"line {reader.line_num} of {path.name}", number, fields, problem)


def _jsonl_rows(path: Path, config: SourcesConfig) -> Iterator[_Row]:
    _refuse_binary(path)
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        peeked = [_json_row(path, number, line) for number, line in enumerate(_some(file), start=1) if line.strip()]
        if peeked and not any(config.video_column in row.fields for row in peeked):
            raise ValueError(
                f"manifest {path}: none of its first {len(peeked)} lines is an object with {config.video_column!r}; "
                'expected lines like {"video": "dog.mp4", "caption": "A dog runs."}'
            )
        yield from peeked
        for number, line in enumerate(file, start=_PEEKED_LINES + 1):
            if line.strip():
                yield _json_row(path, number, line)


def _some(file: Iterator[str]) -> Iterator[str]:
    for _, line in zip(range(_PEEKED_LINES), file, strict=False):
        yield line


def _json_row(path: Path, number: int, line: str) -> _Row:
    place = f"line {number} of {path.name}"
    try:
        fields = json.loads(line)
    except ValueError as error:
        return _Row(place, number, {}, f"is not JSON ({error}); expected one object a line")
    if not isinstance(fields, dict):
        return _Row(place, number, {}, f"holds a JSON {type(fields).__name__}, expected an object")
    return _Row(place, number, fields)


def _parquet_rows(path: Path, config: SourcesConfig) -> Iterator[_Row]:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"manifest {path} is no Parquet file: {error}") from error
    with file:
        names = [field.name for field in file.schema_arrow if not pa.types.is_binary(field.type)]
        if config.video_column not in names:
            raise ValueError(
                f"manifest {path} has the columns {', '.join(names)}, expected one named {config.video_column!r}; "
                "name yours with --sources.video-column"
            )
        number = 0
        for batch in file.iter_batches(batch_size=1024, columns=names):
            for fields in batch.to_pylist():
                number += 1
                yield _Row(f"row {number} of {path.name}", number, fields)


def _refuse_binary(path: Path) -> None:
    """Raise ValueError for a text manifest that is UTF-16 or no text at all."""
    with path.open("rb") as file:
        head = file.read(4096)
    if b"\0" in head:
        raise ValueError(f"manifest {path} is not UTF-8 text (it holds NUL bytes); save it as UTF-8")
