"""What a dataset holds, counted shard by shard without reading a picture or a video."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from dataset_schema import EntityKind, Sample, leaves, open_shard, shard_paths
from storage.address import Place

# Leaves of the Parquet schema: naming them keeps the pictures beside them unread.
_COLUMNS: Final = (
    "bucket",
    "entities.word",
    "entities.kind",
    "entities.references.is_face",
    "background.frame_index",
)
_ROWS_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts over the kept clips.

    Attributes:
        words: how many clips have an entity word, in lower case, by kind.
        references: how many subjects and objects have so many reference images.
        faces: reference images that are face crops.
        backgrounds: clips with a background image.
    """

    words: dict[EntityKind, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in EntityKind})
    buckets: Counter[str] = field(default_factory=Counter)
    references: Counter[int] = field(default_factory=Counter)
    faces: int = 0
    backgrounds: int = 0


def summarize(dataset: Place) -> Summary:
    """Count the samples of a dataset.

    Raises:
        ValueError: a shard cannot be read.
    """
    words: dict[EntityKind, Counter[str]] = {kind: Counter() for kind in EntityKind}
    buckets: Counter[str] = Counter()
    references: Counter[int] = Counter()
    faces = backgrounds = 0
    for row in _rows(dataset):
        buckets[row["bucket"]] += 1
        backgrounds += row["background"] is not None
        for kind in EntityKind:
            words[kind].update({entity["word"].lower() for entity in row["entities"] if entity["kind"] == kind})
        for entity in row["entities"]:
            if entity["kind"] != EntityKind.BACKGROUND:
                references[len(entity["references"])] += 1
                faces += sum(reference["is_face"] for reference in entity["references"])
    return Summary(words=words, buckets=buckets, references=references, faces=faces, backgrounds=backgrounds)


def _rows(dataset: Place) -> Iterator[dict[str, Any]]:
    for path in shard_paths(dataset, Sample):
        with open_shard(path, Sample) as file:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=leaves(file, _COLUMNS)):
                yield from batch.to_pylist()
