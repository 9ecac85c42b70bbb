"""Given shapes over frames, where a test has drawn them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from curation.given import RunLengths
from curation.given_shapes import beyond, lay
from curation.stage import ClipError
from dataset_schema import Box
from tests.curation.imports.foreign_datasets import coco_text

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def ellipse(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    shape: np.ndarray = ((rows - height / 2) / (height / 2)) ** 2 + ((columns - width / 2) / (width / 2)) ** 2 < 0.9
    return shape


def run_lengths(mask: np.ndarray, crop: tuple[int, int] | None = None) -> RunLengths:
    return RunLengths(counts=coco_text(mask), height=mask.shape[0], width=mask.shape[1], crop=crop)


def test_a_mask_of_a_cropped_picture_lies_where_it_was_cropped_out_of() -> None:
    inner = ellipse(30, 50)
    expected = np.zeros((40, 60), bool)
    expected[8:38, 4:54] = inner

    assert np.array_equal(lay(run_lengths(inner, crop=(4, 8)), IMAGE), expected)


def test_what_a_cropped_annotation_leaves_out_is_known_as_such() -> None:
    outside = beyond(run_lengths(ellipse(30, 50), crop=(4, 8)), IMAGE)

    assert outside is not None
    assert not outside[8:38, 4:54].any()
    assert outside.sum() == 40 * 60 - 30 * 50


def test_of_a_video_that_was_cropped_already_the_mask_is_all() -> None:
    mask = ellipse(40, 60)
    shape = run_lengths(mask, crop=(4, 8))

    assert np.array_equal(lay(shape, IMAGE), mask)
    assert beyond(shape, IMAGE) is None


@pytest.mark.parametrize("crop", [None, (31, 0), (0, 11)])
def test_a_mask_of_another_size_costs_the_clip(crop: tuple[int, int] | None) -> None:
    with pytest.raises(ClipError, match=r"a mask is of 30x30 pixels, and its frame has 60x40; give the video in"):
        lay(run_lengths(ellipse(30, 30), crop), IMAGE)


def test_a_box_is_a_rectangle() -> None:
    mask = lay(Box(x0=10.2, y0=5.0, x1=61.0, y1=20.4), IMAGE)

    rows, columns = np.nonzero(mask)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (10, 5, 60, 20)
    assert mask.sum() == 50 * 15


def test_a_box_beyond_its_frame_is_of_another_size_of_the_video() -> None:
    with pytest.raises(ClipError, match=r"reaches to \(120, 20\), and its frame has 60x40 pixels"):
        lay(Box(x0=100, y0=5, x1=120, y1=20), IMAGE)


@pytest.mark.parametrize("keeps_color", [True, False])
def test_a_cutout_is_found_where_it_was_cut(tmp_path: Path, keeps_color: bool) -> None:
    shape = ellipse(20, 16)
    rgb = IMAGE[11:31, 40:56] if keeps_color else IMAGE[11:31, 40:56] * shape[..., None]
    PillowImage.fromarray(np.dstack([rgb, shape * np.uint8(255)])).save(tmp_path / "dog.frame1.png")
    expected = np.zeros((40, 60), bool)
    expected[11:31, 40:56] = shape

    assert np.array_equal(lay(tmp_path / "dog.frame1.png", IMAGE), expected)


def test_a_cutout_of_another_picture_costs_the_clip(tmp_path: Path) -> None:
    other = np.random.default_rng(1).integers(0, 256, (20, 16, 4), np.uint8)
    PillowImage.fromarray(other).save(tmp_path / "dog.frame1.png")
    PillowImage.fromarray(np.zeros((41, 8, 3), np.uint8)).save(tmp_path / "large.png")

    with pytest.raises(ClipError, match=r"dog.frame1.png is no part of its frame"):
        lay(tmp_path / "dog.frame1.png", IMAGE)
    with pytest.raises(ClipError, match=r"large.png is larger than its frame of 60x40 pixels"):
        lay(tmp_path / "large.png", IMAGE)
