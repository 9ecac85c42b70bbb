"""What annotation tools are told of a clip: each entity with its masks, by the frames in which it was segmented."""

import json
from collections.abc import Iterable, Mapping

import numpy as np

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.form import Row, json_lists
from exports.placing import mask_of, placed_pictures
from picture_reading.run_lengths import run_lengths


def tracks(clip: ExportedClip, sample: Sample) -> list[Row]:
    """The entities that have a mask, in the order of the caption; boxes are x, y, width and height.

    Raises:
        Refused: a picture cannot be opened.
    """
    size = clip.video.height, clip.video.width
    found: dict[tuple[str, int], Row] = {}
    for placed in placed_pictures(clip, sample):
        entity, mask = placed.entity, mask_of(placed, size)
        if not mask.any():
            continue
        row = {"word": entity.word, "kind": entity.kind, "start": entity.start, "end": entity.end, "frames": {}}
        frames = found.setdefault((entity.word, entity.start), row)["frames"]
        across, down = np.flatnonzero(mask.any(axis=0)).tolist(), np.flatnonzero(mask.any(axis=1)).tolist()
        frames[str(placed.frame)] = {
            "bbox": [across[0], down[0], across[-1] + 1 - across[0], down[-1] + 1 - down[0]],
            "area": int(mask.sum()),
            "segmentation": {"size": list(size), "counts": run_lengths(mask)},
        }
    return list(found.values())


def instances(
    name: str, media: Iterable[Row], annotations: Iterable[Row], numbers: Mapping[str, int]
) -> tuple[str, Iterable[str]]:
    """The one file: pictures or videos, which `name` says, categories with their numbers, and what is annotated."""
    named = ({"id": number, "name": word} for word, number in numbers.items())
    lists = ((name, media), ("categories", named), ("annotations", annotations))
    return "instances.json", json_lists([(each, map(json.dumps, rows)) for each, rows in lists])


def categories(rows: Iterable[Row]) -> dict[str, int]:
    """The words of all tracks in small letters, as one may begin a sentence, with their numbers from 1 on."""
    words = {track["word"].lower() for row in rows for track in row["tracks"]}
    return {word: number for number, word in enumerate(sorted(words), start=1)}
