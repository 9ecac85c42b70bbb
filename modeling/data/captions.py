"""What is said of the clips of a dataset: captions and entity words, without pictures and videos."""

from typing import Final, NamedTuple

from dataset_schema import Bucket, EntityKind
from dataset_schema.rows import Row

# The columns of the index that say it.
CAPTION_COLUMNS: Final = ("clip_id", "caption", "entities", "has_background")


class NamedEntity(NamedTuple):
    """An entity word, its characters `[start, end)` in the caption, and how many reference images it has."""

    word: str
    kind: EntityKind
    start: int
    end: int
    references: int


class CaptionedClip(NamedTuple):
    """What is said of a clip, and which buckets it fills."""

    clip_id: str
    buckets: tuple[Bucket, ...]
    caption: str
    entities: tuple[NamedEntity, ...]
    has_background: bool


def captioned(row: Row, buckets: tuple[Bucket, ...]) -> CaptionedClip:
    """What a row of the index says.

    Raises:
        ValueError: it says nothing, or not as a curated row does.
    """
    entities = tuple(
        NamedEntity(entity["word"], EntityKind(entity["kind"]), entity["start"], entity["end"], len(entity["faces"]))
        for entity in row["entities"]
    )
    if row["caption"] is None:
        raise ValueError("its caption is null, expected a text")
    for entity in entities:
        found = row["caption"][entity.start : entity.end]
        if found != entity.word:
            raise ValueError(
                f"entity word {entity.word!r} at [{entity.start}, {entity.end}): the caption reads {found!r} there, "
                "expected the same text; a new caption needs its own entity words"
            )
    return CaptionedClip(row["clip_id"], buckets, row["caption"], entities, row["has_background"])
