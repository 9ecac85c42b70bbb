"""What a dataset holds, counted from its index without reading a picture or a video."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataset_schema import EntityKind, Outcome, open_index
from storage.address import Place

_WORDS: Final = {
    EntityKind.SUBJECT: "subjects",
    EntityKind.OBJECT: "objects",
    EntityKind.BACKGROUND: "backgrounds",
}
_TOLD: Final = ("consent", "rights_holder", "content_sha256", "perceptual_hash")
_COLUMNS: Final = ("bucket", "has_background", "entities", "licence", *_TOLD, *_WORDS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts over the kept clips.

    Attributes:
        words: how many clips have an entity word, in lower case, by kind.
        references: how many subjects and objects have so many reference images.
        faces: reference images that are face crops.
        backgrounds: clips with a background image.
        licences: clips by the licence of their source, None where nothing is said.
        told: clips whose source says consent, a rights holder, or the hash of its content.
    """

    words: dict[EntityKind, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in EntityKind})
    buckets: Counter[str] = field(default_factory=Counter)
    references: Counter[int] = field(default_factory=Counter)
    faces: int = 0
    backgrounds: int = 0
    licences: Counter[str | None] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)


def summarize(dataset: Place) -> Summary:
    """Count the samples of a dataset.

    Raises:
        ValueError: a shard cannot be read.
    """
    summary = Summary()
    for batch in open_index(dataset).batches(_COLUMNS, outcome=Outcome.KEPT):
        clips = batch.combine_chunks()
        for kind, column in _WORDS.items():
            summary.words[kind].update(_clips_by_word(clips[column]))
        summary.buckets.update(_counted(clips["bucket"]))
        summary.licences.update(_counted(clips["licence"]))
        summary.told.update({name: len(clips) - clips[name].null_count for name in _TOLD})
        pictured = _faces_of_pictured(clips["entities"])
        summary.references.update(_counted(pc.list_value_length(pictured)))
        faces = pc.sum(pc.list_flatten(pictured)).as_py() or 0
        backgrounds = pc.sum(clips["has_background"]).as_py()
        summary = replace(summary, faces=summary.faces + faces, backgrounds=summary.backgrounds + backgrounds)
    return summary


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
