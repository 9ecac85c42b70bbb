"""Read as loaders of OpenS2V-5M do: a frame of the file, cropped, and the masks in it as letters."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exports.formats.opens2v import OpenS2V
from exports.refusal import Reason
from tests.exports.formats.conftest import SHORT, TWO, Exported
from tests.exports.formats.reading import disc_in_frame, mask_of_letters
from tests.exports.made_clips import grey, shown

BOX = (10, 8, 40, 48)


def read(found: Exported) -> dict[str, Any]:
    """Every key that its loaders look for is there."""
    clips: dict[str, Any] = json.loads((found.folder / "Jsons" / "total_part1.json").read_text(encoding="utf-8"))
    for clip in clips.values():
        x0, x1, y0, y1 = clip["metadata"]["crop"]
        frame_data = clip["annotation"]["ann_frame_data"]
        assert (frame_data["img_width"], frame_data["img_height"]) == (x1 - x0, y1 - y0)
        first, end = clip["metadata"]["face_cut"]
        assert 0 <= first <= frame_data["ann_frame_idx"] < end == clip["metadata"]["num_frames"]
        masks = clip["annotation"]["mask_annotation"][str(frame_data["ann_frame_idx"])]
        assert list(masks) == list(clip["annotation"]["mask_map"]) == [str(n + 1) for n in range(len(masks))]
        for number, annotation in enumerate(frame_data["annotations"], start=1):
            assert annotation["class_name"] == clip["annotation"]["mask_map"][str(number)]["class_name"]
            assert {"gme_score", "aes_score"} <= set(annotation)
        assert {"foreground_ase_score", "background_ase_score"} <= set(frame_data)
        assert {"subject", "object", "background", "pre_define"} == set(clip["word_tags"])
    return clips


def test_words_masks_and_boxes_are_those_of_the_frame(exported: Callable[..., Exported]) -> None:
    found = exported("opens2v")

    clips = read(found)

    for key, clip in clips.items():
        sample, annotation = found.samples[key], clip["annotation"]
        assert (found.folder / clip["metadata"]["path"]).read_bytes() == sample.video.bytes
        assert clip["metadata"]["cap"] == [sample.caption]
        assert annotation["ann_frame_data"]["ann_frame_idx"] == 24
        pictured = [entity for entity in sample.entities if entity.references]
        pictures = [(entity.word, each) for entity in pictured for each in entity.references]
        assert [each["class_name"] for each in annotation["ann_frame_data"]["annotations"]] == [w for w, _ in pictures]
        for number, (word, _) in enumerate(pictures, start=1):
            mask = mask_of_letters(annotation["mask_annotation"]["24"][str(number)]["counts"], (64, 96))
            picture = (40, 30) if word == "woman" else (20, 60)
            assert np.array_equal(mask, disc_in_frame((64, 96), BOX, picture))
            x0, y0, x1, y1 = map(int, annotation["ann_frame_data"]["annotations"][number - 1]["bbox"])
            assert mask[y0:y1, x0:x1].sum() == mask.sum()
            assert all(edge.any() for edge in (mask[:, x0], mask[:, x1 - 1], mask[y0], mask[y1 - 1]))
    assert clips[TWO]["word_tags"] == {
        "subject": ["woman", "dog"],
        "object": ["red coat"],
        "background": ["beach"],
        "pre_define": [],
    }
    background = found.samples[TWO].background
    assert background is not None
    assert (found.folder / "Background" / f"{TWO}.png").read_bytes() == background.image.bytes
    assert shown(found.folder / clips[TWO]["metadata"]["path"])[24] == pytest.approx(grey(24), abs=2)


def test_a_clip_that_ends_before_the_frame_of_its_pictures_has_no_references_and_is_refused(
    exported: Callable[..., Exported],
) -> None:
    found = exported("opens2v")

    assert SHORT not in read(found)
    assert found.finished.counts.refused == {Reason.NOT_FOR_READER: 1}
    assert "no picture of it was cut out of a frame that it shows" in found.finished.counts.examples["not_for_reader"]
    assert OpenS2V.target.has_pictures
