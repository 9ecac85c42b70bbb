"""Rows become clips, or failures that say what is wrong with the row."""

import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import unquote

from curation.records import Clip
from curation.sources.columns import TERMS
from curation.sources.config import SourcesConfig
from curation.sources.rows import Row
from curation.sources.same_video import VideoNames
from curation.sources.values import read_caption, read_extra, read_seconds, read_terms, read_text_field
from dataset_schema import FailedClip, FailureKind, Source
from storage.address import Address, Place

STAGE: Final = "read"

# With the three slashes of this machine, with its name, or with the one slash of Hadoop.
_FILE_URI: Final = re.compile(r"file:(?://(?:localhost)?(/.*)|(/(?!/).*))", re.IGNORECASE | re.DOTALL)

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def clip_id_of(name: str, start_s: float | None, end_s: float | None) -> str:
    """The stable name of a source: the same on every machine for the same row, whatever lies around it."""
    return blake2b(json.dumps([name, start_s, end_s]).encode(), digest_size=16).hexdigest()


def make_records(rows: Iterable[Row], folder: Place, config: SourcesConfig) -> Iterator[Clip | FailedClip]:
    """One record a row; of rows that are the same clip, the first is one, and each further one a failure.

    Args:
        rows: in their order.
        folder: what relative paths start from; a path has no links in it.
        config: the names of the columns, for what is said about them.
    """
    names = VideoNames(folder)
    places: dict[str, str] = {}  # what makes a row a repetition -> the row that had it first
    for row in rows:
        try:
            record, keys = _clip(row, folder, config, names)
            if first := next((places[key] for key in keys if key in places), None):
                raise ValueError(f"repeats the video and span (or the id) of {first}; remove one of the two")
        except (TypeError, ValueError) as error:
            yield _failure(row, str(error), folder)
            continue
        places.update(dict.fromkeys(keys, row.place))
        yield record


def _clip(row: Row, folder: Place, config: SourcesConfig, names: VideoNames) -> tuple[Clip, tuple[str, ...]]:
    """The clip of a row, and what no other row may have."""
    if row.problem is not None:
        raise ValueError(row.problem)
    what = f"column {config.video_column!r}"
    name = read_text_field(row.video, what)
    if not name:
        raise ValueError(f"{what} is empty, expected the path of a video")
    start_s = read_seconds(row.start, f"column {config.start_column!r}")
    end_s = read_seconds(row.end, f"column {config.end_column!r}")
    own_id = read_text_field(row.id, f"column {config.id_column!r}")
    clip_id = clip_id_of(own_id or name, start_s, end_s)
    place = folder / name if isinstance(row.video, PurePath) else _place(name, folder)
    licence, consent, rights_holder = (_term(name, row, config) for name in TERMS)
    clip = Clip(
        clip_id=clip_id,
        source=Source(
            id=clip_id,
            uri=str(place),
            start_s=start_s,
            end_s=end_s,
            licence=licence,
            consent=consent,
            rights_holder=rights_holder,
        ),
        caption=read_caption(row.caption, f"column {config.caption_column!r}") or config.caption or "",
        extra=read_extra(row.extra),
    )
    if own_id:
        return clip, (clip_id,)
    return clip, (clip_id, clip_id_of(names.of(place), start_s or None, end_s))


def _term(name: str, row: Row, config: SourcesConfig) -> str | None:
    """One of the terms under which the video may be used, as the row says it."""
    return read_terms(getattr(row, name), f"column {getattr(config, f'{name}_column')!r}")


def _place(name: str, folder: Place) -> Place:
    """Where the video lies that a row of a manifest names."""
    if uri := _FILE_URI.fullmatch(name):
        return Path(read_text_field(Path(unquote(uri[1] or uri[2], errors="surrogateescape")), f"the path of {name}"))
    if name.casefold().startswith("file://"):
        raise ValueError(f"names {name!r}, a file of another machine, expected one of this: file:///..., or its path")
    if _ADDRESS.match(name):
        return Address(name)
    if name.startswith("~/"):
        return Path(name).expanduser()
    if isinstance(folder, Path):
        return folder / name
    return Path(name) if name.startswith("/") else folder / posixpath.normpath(name)  # keys have no `.` and `..`


def _failure(row: Row, problem: str, folder: Place) -> FailedClip:
    clip_id = f"{clip_id_of(row.place, None, None)}-row{row.number}"
    return FailedClip(
        clip_id=clip_id,
        source=Source(id=clip_id, uri=_printable(_named(row, folder))),
        stage=STAGE,
        kind=FailureKind.INPUT,
        error_type="ManifestRow",
        message=_printable(f"{row.place}: {problem}"),
    )


def _named(row: Row, folder: Place) -> str:
    """What the row names, as far as it says; what is no address after all may hold a secret."""
    if isinstance(row.video, str) and _ADDRESS.match(row.video):
        try:
            return str(Address(row.video))
        except ValueError:
            return str(folder)
    if not isinstance(row.video, str | PurePath) or not str(row.video):
        return str(folder)
    if isinstance(folder, Path):
        return str(folder / row.video)
    return posixpath.join(str(folder), posixpath.normpath(row.video))


def _printable(text: str) -> str:
    """The text with bytes that are not UTF-8 written out, so that a table can hold it."""
    return text.encode(errors="backslashreplace").decode()
