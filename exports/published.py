"""The rows of a dataset as an export reads them: what they say first, and a video when its clip is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from storage.address import Place

_Places: TypeAlias = tuple[ByteRange | None, ...]

_VIDEO: Final = "video.bytes"
_PICTURES: Final = ("entities.references.image.bytes", "background.image.bytes")
_ROWS_AT_ONCE: Final = 64
_BUFFER_BYTES: Final = 2**18


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


def rows_of(shard: Place, size_bytes: int, *, pictures: bool, copy: Path | None = None) -> Iterator[PublishedRow]:
    """The rows of a shard; of their videos nothing is read, unless an older shard does not say where they stand.

    Args:
        shard: its place.
        size_bytes: of its file.
        pictures: whether pictures are wanted; else nothing of them is read either.
        copy: where its content is read from instead (`local_copy`).

    Raises:
        ValueError: the shard is damaged.
    """
    file = copy or shard
    with open_shard(shard, Sample, copy=copy, buffer_bytes=_BUFFER_BYTES) as opened:
        places = media_places(opened)
        sought = file if pictures and isinstance(file, Path) else None  # in a store each range would be a request
        by_column = pictures and sought is None
        columns = leaves_without(opened, () if places is None else (_VIDEO, *(() if by_column else _PICTURES)))
        number = 0
        for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns, use_threads=False):
            for row in batch.to_pylist():
                at = None if places is None else places.of_row(number)
                number += 1
                if at is not None and not by_column:
                    _fill_pictures(row, at[1:], sought, size_bytes)
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


def _fill_pictures(row: Row, places: _Places, file: Path | None, shard_bytes: int) -> None:
    """Put in the pictures from where they stand; without a file, empty ones."""
    there = [place for place in places if place is not None]
    found = iter([b""] * len(there) if file is None else _read(file, there, shard_bytes, row["clip_id"]))
    payloads = [each["image"] for entity in row["entities"] or () for each in entity["references"] or ()]
    payloads += [row["background"]["image"]] if row["background"] else []
    for payload, place in zip(payloads, places, strict=True):
        payload["bytes"] = None if place is None else next(found)


def _read(file: Path, places: Sequence[ByteRange], shard_bytes: int, clip_id: str) -> list[bytes]:
    with expect_readable(file, clip_id):
        return read_ranges(file, places, size_bytes=shard_bytes)
