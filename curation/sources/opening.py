"""Which kind of input lies at the place that the user names, or a sentence that none does."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from curation.sources.column_names import looks_like, plain
from curation.sources.config import SourcesConfig
from curation.sources.csv_rows import csv_columns, list_csv
from curation.sources.folder_rows import has_captions, list_videos
from curation.sources.jsonl_rows import jsonl_columns, list_jsonl
from curation.sources.parquet_rows import list_parquet, parquet_columns
from curation.sources.rows import Listing
from curation.sources.walk import FolderContent, list_folder
from storage.address import Place

_PARQUET: Final = ".parquet"

_COLUMNS: Final[Mapping[str, Callable[[Path], list[str]]]] = {
    ".csv": csv_columns,
    ".tsv": csv_columns,
    ".jsonl": jsonl_columns,
    ".ndjson": jsonl_columns,
    _PARQUET: parquet_columns,
}

# What lies beside the parts of a table; so does what begins with an underscore, such as _SUCCESS.
_BESIDE_PARTS: Final = frozenset({".md", ".json", ".crc"})

# What people give instead of a manifest, and what to do then.
_ADVICE: Final = {
    ".json": "write one object a line and name it .jsonl: jq -c '.[]' {name} > {stem}.jsonl",
    ".txt": "a list of paths becomes a manifest with a first line `video` and a name that ends in .csv",
    ".xlsx": "save it as CSV",
    ".xls": "save it as CSV",
    ".arrow": "write it as Parquet",
    ".feather": "write it as Parquet",
    ".gz": "unpack it: gunzip -k {name}",
    ".zip": "unpack it",
    ".zst": "unpack it",
    ".bz2": "unpack it",
    ".xz": "unpack it",
    ".tar": "unpack it",
}


def look_through(location: Path, config: SourcesConfig, *, output: Place | None) -> Listing:
    """The rows of what lies at `location`, checked and counted; see `read_sources`."""
    if not location.exists():
        raise FileNotFoundError(
            f"input {location} does not exist; expected a folder or a .csv, .jsonl or .parquet manifest"
        )
    return _list_folder(location, config, output) if location.is_dir() else _list_manifest(location, config)


def _list_manifest(path: Path, config: SourcesConfig) -> Listing:
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return list_csv(path, config)
        case ".jsonl" | ".ndjson":
            return list_jsonl(path, config)
        case ".parquet":
            return list_parquet(path, [path], config)
    endings = ", ".join(sorted(_COLUMNS))
    advice = _ADVICE.get(path.suffix.lower(), "for one video there is `explain`").format(name=path.name, stem=path.stem)
    raise ValueError(f"input {path} is neither a folder nor a manifest; expected a name ending in {endings}; {advice}")


def _list_folder(folder: Path, config: SourcesConfig, output: Place | None) -> Listing:
    content = list_folder(folder, output=output)
    if _is_table(folder, content):
        parts = [path for path in content.files if not _is_beside_parts(path.relative_to(folder))]
        return list_parquet(folder, parts, config)
    if config.caption is None and not has_captions(content.files):
        _refuse_manifest(folder, content, config)
    return list_videos(folder, content)


def _is_table(folder: Path, content: FolderContent) -> bool:
    """Whether nothing lies in the folder but Parquet files and what lies beside such, or its name says so."""
    endings = {path.suffix.lower() for path in content.files}
    return folder.suffix.lower() == _PARQUET or (
        _PARQUET in endings
        and all(path.suffix.lower() == _PARQUET or _is_beside_parts(path.relative_to(folder)) for path in content.files)
    )


def _is_beside_parts(path: Path) -> bool:
    return path.suffix.lower() in _BESIDE_PARTS or any(part.startswith("_") for part in path.parts)


def _refuse_manifest(folder: Path, content: FolderContent, config: SourcesConfig) -> None:
    """Stop where the captions of the videos stand in a manifest among them, which would be taken for a video itself."""
    for path in content.files:
        if path.suffix.lower() not in _COLUMNS:
            continue
        try:
            names = _COLUMNS[path.suffix.lower()](path)
        except ValueError:  # no manifest, then
            continue
        if any(plain(name) == plain(config.video_column) or looks_like("video", name) for name in names):
            raise ValueError(
                f"input {folder} holds {path.relative_to(folder)}, a manifest with the columns {', '.join(names)}, and "
                f"no text beside any video; give --input {path}, or move it out of the folder"
            )
