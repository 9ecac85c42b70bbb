"""One row of a table: whether it contradicts itself, and whether its media are what it says."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dataset_schema import (
    Bucket,
    Entity,
    FailedClip,
    Payload,
    RejectedClip,
    Sample,
    largest_bucket,
)
from pipelines.housekeeping.validation.findings import Check
from pipelines.housekeeping.validation.media import Videos, problem_of_picture, problems_of_video
from storage.address import Place

Record = Sample | RejectedClip | FailedClip


class Wrong(NamedTuple):
    """What is wrong in a row."""

    check: Check
    found: str
    expected: str


def check_row(record: Record, row: Mapping[str, Any], root: Place, videos: Videos) -> Iterator[Wrong | Counter[str]]:
    """Whatever is wrong in a row, and the numbers of what was looked at.

    Args:
        record: what the row says.
        row: as it stands in its table.
        root: of the dataset: relative paths start there.
        videos: how much of a video is decoded.
    """
    if isinstance(record, Sample):
        yield from _sample(record, root, videos)
    elif isinstance(record, RejectedClip):
        yield from _rejected(record, row, root)


def pictures_of(record: Record) -> dict[str, Payload]:
    """Every picture of a row, by what it shows, in the order of the columns."""
    if isinstance(record, RejectedClip):
        return {} if record.thumbnail is None else {"the thumbnail": record.thumbnail}
    if isinstance(record, FailedClip):
        return {}
    references = {
        f"reference {number} of entity {index} ({entity.word!r})": reference.image
        for index, entity in enumerate(record.entities)
        for number, reference in enumerate(entity.references)
    }
    return references | ({} if record.background is None else {"the background": record.background.image})


def _sample(sample: Sample, root: Place, videos: Videos) -> Iterator[Wrong | Counter[str]]:
    yield from _bucket(sample)
    yield from _pictures(sample, root)
    if sample.video.bytes is None and "://" in str(sample.video.path):
        yield Counter({"videos elsewhere, not looked at": 1})
        return
    yield Counter({"videos": 1})
    for found, expected in problems_of_video(sample, root, videos):
        yield Wrong(Check.VIDEO, found, expected)


def _bucket(sample: Sample) -> Iterator[Wrong]:
    try:
        bucket = Bucket.parse(sample.bucket)
    except ValueError as error:
        yield Wrong(Check.BUCKET, str(error), "one of the sizes that the dataset was curated for")
        return
    media = sample.media
    if largest_bucket([bucket], duration_s=media.duration_s, height=media.height, width=media.width) is None:
        yield Wrong(
            Check.BUCKET,
            f"bucket {bucket} for {media.duration_s:.2f} s of {media.width}x{media.height} pixels",
            "a bucket that the clip fills",
        )


def _rejected(record: RejectedClip, row: Mapping[str, Any], root: Place) -> Iterator[Wrong | Counter[str]]:
    first = record.reasons[0]
    shown = (row.get("stage"), row.get("reason"), row.get("detail"))
    if shown != (first.stage, first.reason, first.detail):
        yield Wrong(Check.ROW, f"reason {shown[1]!r} of stage {shown[0]!r}", f"its first, {first.reason!r}")
    yield from _words(record.caption, record.entities)
    yield from _pictures(record, root)


def _words(caption: str, entities: Sequence[Entity]) -> Iterator[Wrong]:
    for entity in entities:
        read = caption[entity.start : entity.end]
        if read != entity.word:
            place = f"[{entity.start}, {entity.end})"
            yield Wrong(
                Check.ROW, f"entity word {entity.word!r} at {place}, where the caption reads {read!r}", "it there"
            )


def _pictures(record: Record, root: Place) -> Iterator[Wrong | Counter[str]]:
    pictures = pictures_of(record)
    yield Counter(pictures=len(pictures))
    for name, picture in pictures.items():
        if problem := problem_of_picture(picture, root):
            yield Wrong(Check.PICTURE, f"{name}: {problem}", "a picture")
