"""Read as labelformat does: a value for each frame, masks as lists of integers."""

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest

from tests.exports.formats.conftest import ONE, SHORT, TWO, Exported
from tests.exports.formats.reading import disc_in_frame, mask_of_runs
from tests.exports.made_clips import shown

BOX = (10, 8, 40, 48)


def read(content: Any) -> dict[str, dict[str, dict[int, Any]]]:
    """Masks by video, word and frame.

    Raises:
        ValueError, TypeError: the reader would stop.
    """
    videos = {video["id"]: video for video in content["videos"]}
    names = {category["id"]: category["name"] for category in content["categories"]}
    found: dict[str, dict[str, dict[int, Any]]] = {
        PurePosixPath(video["file_names"][0]).parent.name: {} for video in videos.values()
    }
    for track in content["annotations"]:
        video = videos[track["video_id"]]
        for name in ("bboxes", "segmentations", "areas"):
            if len(track[name]) != video["length"]:
                raise ValueError(f"{name} has {len(track[name])} values for {video['length']} frames")
        masks = {}
        for frame, (box, segmentation, area) in enumerate(
            zip(track["bboxes"], track["segmentations"], track["areas"], strict=True)
        ):
            if segmentation is None:
                assert (box, area) == (None, None)
                continue
            if not isinstance(segmentation["counts"], list):
                raise TypeError("masks as letters cannot be read")
            mask = mask_of_runs(segmentation["counts"], tuple(segmentation["size"]))
            x, y, width, height = box
            assert mask[y : y + height, x : x + width].sum() == mask.sum() == area
            masks[frame] = mask
        found[PurePosixPath(video["file_names"][0]).parent.name][names[track["category_id"]]] = masks
    return found


def content(found: Exported) -> Any:
    return json.loads((found.folder / "instances.json").read_text(encoding="utf-8"))


def test_every_clip_has_its_entities_masks_in_the_frame_where_they_were_seen(exported: Callable[..., Exported]) -> None:
    found = exported("youtube-vis")

    videos = read(content(found))

    assert set(videos) == set(found.samples)
    assert {word: list(masks) for word, masks in videos[TWO].items()} == {"woman": [24], "dog": [24]}
    assert np.array_equal(videos[TWO]["woman"][24], disc_in_frame((64, 96), BOX, (40, 30)))
    assert np.array_equal(videos[ONE]["dog"][24], disc_in_frame((64, 96), BOX, (20, 60)))
    assert videos[SHORT] == {}, "its pictures are from behind its end"


def test_lengths_are_those_that_decode_and_words_say_where_they_stand(exported: Callable[..., Exported]) -> None:
    found = exported("youtube-vis")

    for video in content(found)["videos"]:
        clip = PurePosixPath(video["file_names"][0]).parent.name
        assert video["length"] == len(video["file_names"]) == len(shown(found.folder / "videos" / f"{clip}.mp4"))
        assert video["caption"] == found.samples[clip].caption
    for track in content(found)["annotations"]:
        caption = content(found)["videos"][track["video_id"] - 1]["caption"]
        assert caption[track["start"] : track["end"]] == track["word"]


@pytest.mark.parametrize("broken", ["short", "letters"])
def test_the_strict_reader_stops_where_labelformat_does(exported: Callable[..., Exported], broken: str) -> None:
    known = content(exported("youtube-vis"))
    track = known["annotations"][0]
    if broken == "short":
        track["areas"].pop()
    else:
        track["segmentations"][24]["counts"] = "PPV<"

    with pytest.raises((ValueError, TypeError), match=r"values for|letters"):
        read(known)
