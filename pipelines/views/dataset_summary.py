"""What a dataset holds, counted from its index without reading a picture or a video."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataset_schema import EntityKind, Outcome, open_index

_WORDS: Final = {
    EntityKind.SUBJECT: "subjects",
    EntityKind.OBJECT: "objects",
    EntityKind.BACKGROUND: "backgrounds",
}
_COLUMNS: Final = ("bucket", "has_background", "entities", *_WORDS.values())


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


def summarize(dataset: Path) -> Summary:
    """Count the samples of a dataset.

    Raises:
        ValueError: a shard cannot be read.
    """
    words: dict[EntityKind, Counter[str]] = {kind: Counter() for kind in EntityKind}
    buckets: Counter[str] = Counter()
    references: Counter[int] = Counter()
    faces = backgrounds = 0
    for batch in open_index(dataset).batches(_COLUMNS, outcome=Outcome.KEPT):
        clips = batch.combine_chunks()
        for kind, column in _WORDS.items():
            words[kind] += _clips_by_word(clips[column])
        buckets += _counted(clips["bucket"])
        backgrounds += pc.sum(clips["has_background"]).as_py()
        pictured = _faces_of_pictured(clips["entities"])
        references += _counted(pc.list_value_length(pictured))
        faces += pc.sum(pc.list_flatten(pictured)).as_py() or 0
    return Summary(words=words, buckets=buckets, references=references, faces=faces, backgrounds=backgrounds)


def _clips_by_word(words: pa.ChunkedArray) -> Counter[str]:
    """How many of the clips have each word, in lower case; one that stands twice in a caption counts once."""
    flat = pa.table({"clip": pc.list_parent_indices(words), "word": pc.utf8_lower(pc.list_flatten(words))})
    return _counted(flat.group_by(["clip", "word"]).aggregate([])["word"])


def _faces_of_pictured(entities: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of every subject and object, which of its reference images are face crops."""
    flat = pc.list_flatten(entities)
    return pc.struct_field(flat, "faces").filter(
        pc.not_equal(pc.struct_field(flat, "kind"), EntityKind.BACKGROUND.value)
    )


def _counted(values: pa.ChunkedArray) -> Counter[Any]:
    return Counter({each["values"]: each["counts"] for each in pc.value_counts(values).to_pylist()})
