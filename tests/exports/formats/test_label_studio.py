"""Read as Label Studio does: its import looks for fields, its editor draws boxes by frames and percent."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import av
import numpy as np
import pytest

from exports.config import ExportConfig
from exports.export import export
from exports.formats.every_format import FORMATS, FormatName
from exports.published import open_dataset
from exports.refusal import Reason
from tests.exports.formats.conftest import LONGER, ONE, SHORT, TWO, Exported
from tests.exports.formats.reading import disc_in_frame, pace
from tests.exports.made_clips import make_sample, shown, write_dataset

Boxes = dict[str, dict[int, tuple[float, ...]]]


class Project:
    """A project with the export's settings, and its videos as local storage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = ElementTree.parse(folder / "config.xml").getroot()
        self.tags = {tag.attrib["name"]: tag for tag in config if "name" in tag.attrib}
        self.labels = {label.attrib["value"] for label in self.tags["label"]}
        assert {tag.attrib["toName"] for tag in self.tags.values() if "toName" in tag.attrib} == {"video"}

    def read(self, tasks: Any) -> dict[str, Boxes]:
        """The boxes that are drawn, by clip, label and frame from 0; x, y, width and height in pixels.

        Raises:
            ValueError: the import would refuse it, or the editor show something else.
        """
        found: dict[str, Boxes] = {}
        for task in tasks:
            data = task["data"]
            path = self._video(data[self.tags["video"].attrib["value"].removeprefix("$")])
            if pace(path) != pytest.approx(data[self.tags["video"].attrib["frameRate"].removeprefix("$")]):
                raise ValueError("frames would be shown at other times")
            size = shown_size(path)
            (prediction,) = task["predictions"]
            ids = [region["id"] for region in prediction["result"]]
            if len(set(ids)) != len(ids):
                raise ValueError(f"regions share an id: {ids}")
            found[data["clip_id"]] = {}
            for region in prediction["result"]:
                label, boxes = self._region(region, len(shown(path)), size)
                found[data["clip_id"]][label] = boxes
        return found

    def _video(self, address: str) -> Path:
        parts = urlsplit(address)
        if parts.path != "/data/local-files/":
            raise ValueError(f"{address} is no local file")
        (name,) = parse_qs(parts.query)["d"]
        path = self.folder / name
        if not path.is_relative_to(self.folder / "videos"):
            raise ValueError(f"{name} is not in the storage")
        return path

    def _region(
        self, region: Mapping[str, Any], frames: int, size: tuple[int, int]
    ) -> tuple[str, dict[int, tuple[float, ...]]]:
        tag, value = self.tags[region["from_name"]], region["value"]
        if (tag.tag.lower(), tag.attrib["toName"]) != (region["type"], region["to_name"]):
            raise ValueError(f"region {region['id']} is of no tag")
        (label,) = value["labels"]
        if label not in self.labels:
            raise ValueError(f"{label!r} is no label")
        if value["framesCount"] != frames:
            raise ValueError(f"{value['framesCount']} frames, expected {frames}")
        keys = {key["frame"]: key for key in value["sequence"]}
        if list(keys) != sorted(keys) or not 1 <= min(keys) <= max(keys) <= frames:
            raise ValueError(f"key frames {list(keys)}, expected them in order from 1 to {frames}")
        height, width = size
        return label, {
            frame - 1: (
                key["x"] * width / 100,
                key["y"] * height / 100,
                key["width"] * width / 100,
                key["height"] * height / 100,
            )
            for frame in range(1, frames + 1)
            if (key := drawn(keys, frame)) is not None
        }


def drawn(keys: Mapping[int, Any], frame: int) -> Any:
    """The key frame whose box is on show in a frame: one that is not enabled ends there."""
    last = max((number for number in keys if number <= frame), default=None)
    return None if last is None or (last != frame and not keys[last]["enabled"]) else keys[last]


def shown_size(path: Path) -> tuple[int, int]:
    with av.open(str(path), "r") as file:
        return file.streams.video[0].height, file.streams.video[0].width


def tasks_of(found: Exported) -> Any:
    return json.loads((found.folder / "tasks.json").read_text(encoding="utf-8"))


def test_every_entity_has_its_box_in_the_frame_where_it_was_seen_and_in_no_other(
    exported: Callable[..., Exported],
) -> None:
    found = exported("label-studio")

    clips = Project(found.folder).read(tasks_of(found))

    assert set(clips) == set(found.samples)
    for clip, word, picture in ((TWO, "woman", (40, 30)), (ONE, "dog", (20, 60))):
        mask = disc_in_frame((64, 96), (10, 8, 40, 48), picture)
        across, down = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        box = (across[0], down[0], across[-1] + 1 - across[0], down[-1] + 1 - down[0])
        assert clips[clip][word] == {24: pytest.approx(box)}
    assert set(clips[TWO]) == {"woman", "dog"}
    assert clips[SHORT] == {}, "its pictures are from behind its end"
    assert len(clips[LONGER]) == 2
    colors = [label.attrib["background"] for label in Project(found.folder).tags["label"]]
    assert len(set(colors)) == len(colors) == 2, "labels of one color could not be told apart"


def test_words_say_where_they_stand_in_the_caption(exported: Callable[..., Exported]) -> None:
    found = exported("label-studio")

    for task in tasks_of(found):
        data, regions = task["data"], task["predictions"][0]["result"]
        assert data["caption"] == found.samples[data["clip_id"]].caption
        assert [entity["region"] for entity in data["entities"]] == [region["id"] for region in regions]
        for entity in data["entities"]:
            assert data["caption"][entity["start"] : entity["end"]] == entity["word"]


def test_a_clip_of_no_steady_pace_is_refused(tmp_path: Path) -> None:
    steady, unsteady = make_sample(0), make_sample(1)
    unsteady = replace(unsteady, media=replace(unsteady.media, is_vfr=True))
    dataset = open_dataset(write_dataset(tmp_path / "dataset", [steady, unsteady]))

    finished = export(dataset, FORMATS[FormatName.LABEL_STUDIO], tmp_path / "out", ExportConfig())

    assert finished.counts.refused == {Reason.NOT_FOR_READER: 1}
    assert "no steady pace" in finished.counts.examples[Reason.NOT_FOR_READER]


@pytest.mark.parametrize("broken", ["first frame", "label", "name", "id"])
def test_the_strict_reader_stops_where_label_studio_does(exported: Callable[..., Exported], broken: str) -> None:
    found = exported("label-studio")
    tasks = tasks_of(found)
    first, second = next(task["predictions"][0]["result"] for task in tasks if len(task["data"]["entities"]) == 2)
    match broken:
        case "first frame":
            first["value"]["sequence"][0]["frame"] = 0
        case "label":
            first["value"]["labels"] = ["cat"]
        case "name":
            first["from_name"] = "label"
        case "id":
            second["id"] = first["id"]

    with pytest.raises(ValueError, match=r"key frames|no label|no tag|share an id"):
        Project(found.folder).read(tasks)
