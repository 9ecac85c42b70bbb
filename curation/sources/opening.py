"""Which kind of input lies at the place that the user names, or a sentence that none does."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from curation.sources.column_names import looks_like, plain
from curation.sources.config import SourcesConfig
from curation.sources.csv_rows import csv_columns, list_csv
from curation.sources.folder_content import FolderContent
from curation.sources.folder_rows import has_captions, list_videos
from curation.sources.jsonl_rows import jsonl_columns, list_jsonl
from curation.sources.parquet_rows import list_parquet, parquet_columns
from curation.sources.prefix import list_prefix
from curation.sources.rows import Listing
from curation.sources.walk import walk
from storage.address import Place

_PARQUET: Final = ".parquet"

_COLUMNS: Final[Mapping[str, Callable[[Place], list[str]]]] = {
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


def look_through(location: Place, config: SourcesConfig, *, is_folder: bool, output: Place | None) -> Listing:
    """The rows of what lies at `location`, checked and counted; see `read_sources`."""
    if not is_folder and not location.exists():
        raise FileNotFoundError(
            f"input {location} does not exist; expected a folder or a .csv, .jsonl or .parquet manifest"
        )
    return _list_folder(location, config, output) if is_folder else _list_manifest(location, config)


def _list_manifest(path: Place, config: SourcesConfig) -> Listing:
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return list_csv(path, config)
        case ".jsonl" | ".ndjson":
            return list_jsonl(path, config)
        case ".parquet":
            return list_parquet([(path, path.name)], config)
    endings = ", ".join(sorted(_COLUMNS))
    advice = _ADVICE.get(path.suffix.lower(), "for one video there is `explain`").format(name=path.name, stem=path.stem)
    raise ValueError(f"input {path} is neither a folder nor a manifest; expected a name ending in {endings}; {advice}")


def _list_folder(folder: Place, config: SourcesConfig, output: Place | None) -> Listing:
    content = _look_into(folder, output)
    if _is_table(folder, content):
        parts = [(folder / path, path) for path in content.files if not _is_beside_parts(path)]
        return list_parquet(parts, config)
    if config.caption is None and not has_captions(content.files):
        _refuse_manifest(folder, content, config)
    return list_videos(folder, content)


def _look_into(folder: Place, output: Place | None) -> FolderContent:
    """What lies in the folder.

    Raises:
        ValueError: the folder itself is the output, or an earlier command wrote it, or it cannot be read.
    """
    if output is not None and _is_same(folder, output):
        raise ValueError(
            f"input {folder} is the output too, and the dataset would lie among the videos; choose another output, "
            f"such as {folder / 'dataset'}"
        )
    if isinstance(folder, Path):
        content = walk(folder, output=output if isinstance(output, Path) else None)
    else:
        content = list_prefix(folder, output=output)
    if content.left_out == [""]:
        raise ValueError(
            f"input {folder} was written by an earlier command; expected a folder of videos, or a manifest"
        )
    if "" in content.problems:
        raise ValueError(f"input {folder} {content.problems['']}")
    return content


def _is_same(one: Place, other: Place) -> bool:
    if isinstance(one, Path) and isinstance(other, Path):
        return os.path.realpath(one) == os.path.realpath(other)
    return one == other


def _is_table(folder: Place, content: FolderContent) -> bool:
    """Whether nothing lies in the folder but Parquet files and what lies beside such, or its name says so."""
    are_parts = [_suffix(path) == _PARQUET for path in content.files]
    return folder.suffix.lower() == _PARQUET or (
        any(are_parts)
        and all(is_part or _is_beside_parts(path) for path, is_part in zip(content.files, are_parts, strict=True))
    )


def _is_beside_parts(path: str) -> bool:
    return _suffix(path) in _BESIDE_PARTS or any(part.startswith("_") for part in path.split("/"))


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _refuse_manifest(folder: Place, content: FolderContent, config: SourcesConfig) -> None:
    """Stop where the captions of the videos stand in a manifest among them, which would be taken for a video itself."""
    for path in content.files:
        if _suffix(path) not in _COLUMNS:
            continue
        try:
            names = _COLUMNS[_suffix(path)](folder / path)
        except ValueError:  # no manifest, then
            continue
        if any(plain(name) == plain(config.video_column) or looks_like("video", name) for name in names):
            raise ValueError(
                f"input {folder} holds {path}, a manifest with the columns {', '.join(names)}, and "
                f"no text beside any video; give --input {folder / path}, or move it out of the folder"
            )
