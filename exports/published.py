"""The rows of a dataset as an export reads them: what they say first, and a video when its clip is written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dataset_schema import (
    DatasetManifest,
    MediaPlaces,
    Sample,
    dataset_root,
    from_rows,
    media_places,
    open_shard,
    read_manifest,
    sized_shards,
)
from storage.address import Place

_VIDEO_BYTES = "video.bytes"
_ROWS_AT_ONCE = 64
_BUFFER_BYTES = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """A row whose video is read when it is wanted.

    Attributes:
        sample: with an empty video where the shard holds one; of an older shard with the video itself.
        has_bytes: whether the shard holds its video.
        at: first byte and length of the video in the shard's file; None where the sample has it.
    """

    sample: Sample
    has_bytes: bool
    at: tuple[int, int] | None

    def with_video(self, file: Path) -> Sample:
        """The sample with its video, from the shard's file. As in training, no checksum covers it: `validate` looks.

        Raises:
            ValueError: the file ends before it.
        """
        if self.at is None:
            return self.sample
        offset, length = self.at
        with file.open("rb", buffering=0) as opened:
            opened.seek(offset)
            content = opened.read(length)
        if len(content) < length:
            raise ValueError(
                f"shard {file} ends within the video of clip {self.sample.clip_id}; bring the whole file back, or "
                "delete it and curate again to redo its clips"
            )
        return replace(self.sample, video=replace(self.sample.video, bytes=content))


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
    shards = tuple(sized_shards(dataset, Sample))
    if not shards:
        raise FileNotFoundError(f"dataset {dataset} has no samples; expected what `curate` or `select` wrote")
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


def rows_of(shard: Place, *, copy: Path | None = None) -> Iterator[PublishedRow]:
    """The rows of a shard; of their videos nothing is read, unless an older shard does not say where they stand.

    Args:
        shard: its place.
        copy: where its content is read from instead (`local_copy`).

    Raises:
        ValueError: the shard is damaged.
    """
    with open_shard(shard, Sample, copy=copy, buffer_bytes=_BUFFER_BYTES) as file:
        places = media_places(file)
        paths = [file.schema.column(number).path for number in range(len(file.schema))]
        wanted = [path for path in paths if places is None or path != _VIDEO_BYTES]
        first = 0
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted, use_threads=False):
            rows = batch.to_pylist()
            found = [_video_at(places, first + number) for number in range(len(rows))]
            first += len(rows)
            if places is not None:
                for row, at in zip(rows, found, strict=True):
                    row["video"] = {"bytes": None if at is None else b"", "path": (row["video"] or {}).get("path")}
            for sample, at in zip(_samples(rows, shard), found, strict=True):
                yield PublishedRow(sample=sample, has_bytes=sample.video.bytes is not None, at=at)


def _video_at(places: MediaPlaces | None, row: int) -> tuple[int, int] | None:
    """The video is the first payload of its row."""
    if places is None or not places.offsets[row][0].is_valid:
        return None
    return places.offsets[row][0].as_py(), places.lengths[row][0].as_py()


def _samples(rows: list[dict[str, object]], shard: Place) -> list[Sample]:
    try:
        return list(from_rows(rows, Sample))
    except ValueError as error:
        raise ValueError(f"shard {shard}: {error}") from error
