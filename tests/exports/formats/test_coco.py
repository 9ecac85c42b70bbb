"""Read as COCO's tools do: pictures, categories, and boxes and masks by the numbers of both."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exports.config import ExportConfig
from exports.export import export
from exports.formats.every_format import FORMATS, FormatName
from exports.published import open_dataset
from exports.refusal import Reason
from tests.exports.formats.conftest import ONE, SHORT, TWO, Exported
from tests.exports.formats.reading import disc_in_frame, mask_of_runs, rgb
from tests.exports.made_clips import grey, make_sample, video_bytes, write_dataset

BOX = (10, 8, 40, 48)


def test_the_frames_are_there_with_boxes_and_masks_of_their_words(exported: Callable[..., Exported]) -> None:
    found = exported("coco")
    content = json.loads((found.folder / "instances.json").read_text(encoding="utf-8"))

    images = {image["id"]: image for image in content["images"]}
    words = {category["id"]: category["name"] for category in content["categories"]}

    assert {image["clip_id"] for image in images.values()} == set(found.samples) - {SHORT}
    for image in images.values():
        picture = rgb(found.folder / image["file_name"])
        assert picture.shape == (image["height"], image["width"], 3)
        assert image["frame"] == 24
        assert picture.mean() == pytest.approx(grey(24), abs=3)
    seen = {}
    for annotation in content["annotations"]:
        image = images[annotation["image_id"]]
        mask = mask_of_runs(annotation["segmentation"]["counts"], (image["height"], image["width"]))
        x, y, width, height = annotation["bbox"]
        assert mask[y : y + height, x : x + width].sum() == mask.sum() == annotation["area"]
        assert image["caption"][annotation["start"] : annotation["end"]] == annotation["word"]
        seen[image["clip_id"], words[annotation["category_id"]]] = mask
    assert len({annotation["id"] for annotation in content["annotations"]}) == len(content["annotations"])
    assert np.array_equal(seen[TWO, "woman"], disc_in_frame((64, 96), BOX, (40, 30)))
    assert np.array_equal(seen[ONE, "dog"], disc_in_frame((64, 96), BOX, (20, 60)))


def test_no_video_is_written_and_none_is_named(exported: Callable[..., Exported]) -> None:
    found = exported("coco")

    assert not list(found.folder.rglob("*.mp4"))
    for line in (found.folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        clip = json.loads(line)
        assert clip["video"]["file"] == {"name": "", "sha256": "", "size_bytes": 0}
        assert [text["name"] for text in clip["texts"]] == [f"images/{clip['clip_id']}-00024.jpg"]


def test_a_clip_that_shows_none_of_its_pictures_is_refused(exported: Callable[..., Exported]) -> None:
    assert exported("coco").finished.counts.refused == {Reason.NOT_FOR_READER: 1}


def test_a_clip_whose_video_ends_before_its_frame_is_refused(tmp_path: Path) -> None:
    kept, shrunk = make_sample(0), make_sample(1, video=video_bytes(frames=20))  # its row says 130 frames
    dataset = open_dataset(write_dataset(tmp_path / "dataset", [kept, shrunk]))

    finished = export(dataset, FORMATS[FormatName.COCO], tmp_path / "out", ExportConfig())

    assert finished.counts.refused == {Reason.UNREADABLE_VIDEO: 1}
    assert "ends before frame 24" in finished.counts.examples[Reason.UNREADABLE_VIDEO]
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == [f"{kept.clip_id}-00024.jpg"]
