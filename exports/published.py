"""The rows of a dataset as an export reads them: what they say first, and a video when its clip is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final, TypeAlias

from dataset_schema import (
    ByteRange,
    DatasetManifest,
    Sample,
    dataset_root,
    expect_samples,
    leaves_without,
    media_places,
    open_shard,
    read_manifest,
    read_ranges,
)
from dataset_schema.rows import Row, from_row
from exports.content import Content, StoredVideo, expect_readable
from exports.png_start import START_BYTES, size_at_start
from storage.address import Place

_Places: TypeAlias = tuple[ByteRange | None, ...]

_VIDEO: Final = "video.bytes"
_PICTURES: Final = ("entities.references.image.bytes", "background.image.bytes")
_ROWS_AT_ONCE: Final = 64
_BUFFER_BYTES: Final = 2**18


class Pictures(Enum):
    """How much of a row's pictures is read."""

    NONE = auto()
    SIZES = auto()  # of a PNG the first bytes, which say its size, where a file of this machine holds it; else all
    WHOLE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """A row whose video is read when it is wanted.

    Attributes:
        sample: with an empty video where the shard holds one; of an older shard with the video itself.
        has_bytes: whether the shard holds its video.
        at: where the video stands in the shard's file; None where the sample has it.
        shard_bytes: of the file.
    """

    sample: Sample
    has_bytes: bool
    at: ByteRange | None
    shard_bytes: int

    @property
    def video_bytes(self) -> int:
        """How large the video is."""
        return self.at.length if self.at is not None else len(self.sample.video.bytes or b"")

    def video(self, file: Path) -> Content | None:
        """The video in the shard's file; None where that has none."""
        if self.at is None:
            return self.sample.video.bytes
        return StoredVideo(shard=file, shard_bytes=self.shard_bytes, at=self.at, clip_id=self.sample.clip_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedDataset:
    """A finished dataset.

    Attributes:
        root: that relative paths start from.
        shards: with their sizes in bytes.
    """

    root: Place
    shards: tuple[tuple[Place, int], ...]
    id: str
    clips: int | None


def open_dataset(dataset: Place) -> PublishedDataset:
    """The samples of a dataset that nobody is writing any more.

    Raises:
        FileNotFoundError: there is no dataset, or it has no samples.
        ValueError: it is not finished.
    """
    root = dataset_root(dataset)
    try:
        manifest: DatasetManifest | None = read_manifest(root)
    except FileNotFoundError:
        manifest = None  # another tool's selection
    if manifest is not None and not manifest.complete:
        raise ValueError(f"dataset {dataset} is not finished; curate again to go on, then export")
    shards = tuple(expect_samples(dataset))
    is_whole = manifest is not None and bool(manifest.funnel) and dataset == root
    return PublishedDataset(
        root=root,
        shards=shards,
        id=manifest.id if manifest is not None else "",
        clips=manifest.funnel[-1].passed if manifest is not None and is_whole else None,
    )


def expect_all(dataset: PublishedDataset, found: int) -> None:
    """Refuse a dataset of which a shard is missing.

    Raises:
        ValueError: its rows are not those that its head counts.
    """
    if dataset.clips is not None and dataset.clips != found:
        raise ValueError(
            f"dataset {dataset.root} has {found} samples in {len(dataset.shards)} shards, and its dataset.json counts "
            f"{dataset.clips}; bring the missing shards back, or curate again to redo their clips"
        )


def rows_of(shard: Place, size_bytes: int, *, pictures: Pictures, copy: Path | None = None) -> Iterator[PublishedRow]:
    """The rows of a shard; of their videos nothing is read, unless an older shard does not say where they stand.

    Args:
        shard: its place.
        size_bytes: of its file.
        pictures: what is wanted of them.
        copy: where its content is read from instead (`local_copy`).

    Raises:
        ValueError: the shard is damaged.
    """
    file = copy or shard
    with open_shard(shard, Sample, copy=copy, buffer_bytes=_BUFFER_BYTES) as opened:
        places = media_places(opened)
        by_column = pictures is not Pictures.NONE and not isinstance(file, Path)  # there a range would be a request
        columns = leaves_without(opened, () if places is None else (_VIDEO, *(() if by_column else _PICTURES)))
        number = 0
        for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns, use_threads=False):
            for row in batch.to_pylist():
                at = None if places is None else places.of_row(number)
                number += 1
                if at is not None and not by_column:
                    _fill_pictures(row, at[1:], _found(file, at[1:], size_bytes, row["clip_id"], pictures))
                yield _published(row, at, shard, size_bytes)


def _published(row: Row, at: _Places | None, shard: Place, shard_bytes: int) -> PublishedRow:
    if at is not None:  # the video is the first payload of its row
        row["video"] = {"bytes": None if at[0] is None else b"", "path": (row["video"] or {}).get("path")}
    try:
        sample: Sample = from_row(row, Sample)
    except ValueError as error:
        raise ValueError(f"shard {shard}: {error}") from error
    has_bytes = sample.video.bytes is not None
    return PublishedRow(sample=sample, has_bytes=has_bytes, at=at[0] if at else None, shard_bytes=shard_bytes)


def _fill_pictures(row: Row, places: _Places, found: Iterator[bytes]) -> None:
    payloads = [each["image"] for entity in row["entities"] or () for each in entity["references"] or ()]
    payloads += [row["background"]["image"]] if row["background"] else []
    for payload, place in zip(payloads, places, strict=True):
        payload["bytes"] = None if place is None else next(found)


def _found(file: Place, places: _Places, shard_bytes: int, clip_id: str, pictures: Pictures) -> Iterator[bytes]:
    """What is wanted of the pictures that are there; nothing of any is read for none."""
    there = [place for place in places if place is not None]
    if pictures is Pictures.NONE or not isinstance(file, Path):
        yield from [b""] * len(there)
        return
    with expect_readable(file, clip_id):
        if pictures is Pictures.WHOLE:
            yield from read_ranges(file, there, size_bytes=shard_bytes)
            return
        starts = [each._replace(length=min(each.length, START_BYTES)) for each in there]
        for place, start in zip(there, read_ranges(file, starts, size_bytes=shard_bytes), strict=True):
            is_enough = size_at_start(start) is not None
            yield start if is_enough else read_ranges(file, [place], size_bytes=shard_bytes)[0]
