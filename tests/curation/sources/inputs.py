"""Writes inputs as people have them, and reads them as `curate` does."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.records import Clip
from curation.sources import SourcesConfig, read_sources
from dataset_schema import FailedClip


def read(location: Path, *, output: Path | None = None, **config: str) -> list[Clip | FailedClip]:
    return list(read_sources(location, SourcesConfig(**config), output=output))


def write(path: Path, content: str | bytes = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_parquet(path: Path, **columns: Any) -> Path:
    """A Parquet file of columns that are lists or Arrow arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def clips(records: list[Clip | FailedClip]) -> list[Clip]:
    return [record for record in records if isinstance(record, Clip)]


def failures(records: list[Clip | FailedClip]) -> list[FailedClip]:
    return [record for record in records if isinstance(record, FailedClip)]


def names(records: list[Clip | FailedClip]) -> list[str]:
    """The file names of what became clips."""
    return [Path(clip.source.uri).name for clip in clips(records)]
