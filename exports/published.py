"""The rows of a dataset as an export reads them: twice, first without their videos."""

from collections.abc import Iterator
from dataclasses import dataclass

from dataset_schema import (
    DatasetManifest,
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
    """A row without its video.

    Attributes:
        sample: with an empty video where the shard holds one.
        has_bytes: whether the shard holds its video.
    """

    sample: Sample
    has_bytes: bool


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


def rows_without_videos(shard: Place) -> Iterator[PublishedRow]:
    """The rows of a shard; of their videos nothing is read, unless an older shard does not say where they stand.

    Raises:
        ValueError: the shard is damaged.
    """
    with open_shard(shard, Sample, buffer_bytes=_BUFFER_BYTES) as file:
        places = media_places(file)
        paths = [file.schema.column(number).path for number in range(len(file.schema))]
        wanted = [path for path in paths if places is None or path != _VIDEO_BYTES]
        number = 0
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted, use_threads=False):
            rows = batch.to_pylist()
            held = []
            for row in rows:
                video = row["video"] or {}
                has_bytes = (
                    video.get("bytes") is not None if places is None else places.offsets[number][0].as_py() is not None
                )
                held.append(has_bytes)
                row["video"] = {"bytes": b"" if has_bytes else None, "path": video.get("path")}
                number += 1
            for sample, has_bytes in zip(_samples(rows, shard), held, strict=True):
                yield PublishedRow(sample=sample, has_bytes=has_bytes)


def _samples(rows: list[dict[str, object]], shard: Place) -> list[Sample]:
    try:
        return list(from_rows(rows, Sample))
    except ValueError as error:
        raise ValueError(f"shard {shard}: {error}") from error
