"""Pictures as readers get them: sizes that were promised, white where nothing is seen."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from exports.pictures import Placement, placed, render_picture, size_of
from exports.refusal import Reason, Refused
from exports.target import PictureNeeds
from tests.exports.made_clips import RED, cutout

SIDES = st.integers(1, 5000)


def pixels(content: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)))


def dropped_alpha(content: bytes) -> npt.NDArray[np.uint8]:
    """What a reader sees that converts to RGB, as most do."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@given(SIDES, SIDES, st.integers(1, 512), st.floats(1, 8), st.integers(600, 2048))
def test_a_canvas_keeps_its_bounds_and_its_picture_its_shape(
    height: int, width: int, least: int, aspect: float, longest: int
) -> None:
    found = placed(
        (height, width), PictureNeeds(least_side=least, most_aspect=aspect), longest_px=longest, clip_size=None
    )

    assert max(found.canvas) <= longest
    assert max(found.canvas) <= aspect * min(found.canvas) + aspect + 1
    if aspect * least <= longest:
        assert min(found.canvas) >= min(least, longest) - 1
    assert found.scaled[0] <= found.canvas[0]
    assert found.scaled[1] <= found.canvas[1]
    assert max(found.scaled[0] / height, found.scaled[1] / width) <= 2.0 or min(found.scaled) == 1
    if min(found.scaled) > 20:
        assert found.scaled[0] / found.scaled[1] == pytest.approx(height / width, rel=0.06)


@given(SIDES, SIDES)
def test_a_reader_that_covers_the_clip_and_crops_cuts_nothing_off(height: int, width: int) -> None:
    clip = (480, 832)

    found = placed((height, width), PictureNeeds(has_aspect_of_clip=True), longest_px=1024, clip_size=clip)

    scale = max(clip[0] / found.canvas[0], clip[1] / found.canvas[1])
    assert found.scaled[0] * scale <= clip[0] + scale + 1
    assert found.scaled[1] * scale <= clip[1] + scale + 1


def test_what_was_black_below_transparency_is_white_in_every_way_to_read_it() -> None:
    content = cutout(RED, below=0)
    place = Placement(scaled=(40, 30), canvas=(60, 60))

    white = render_picture(content, place, is_transparent=False, is_cutout=False)
    clear = render_picture(content, place, is_transparent=True, is_cutout=False)

    assert pixels(white).shape == (60, 60, 3)
    assert pixels(clear).shape == (60, 60, 4)
    for image in (dropped_alpha(white), dropped_alpha(clear)):
        assert image[0, 0].tolist() == [255, 255, 255]
        assert image[10, 15].tolist() == [255, 255, 255]  # in the picture's own corner
        assert image[30, 30].tolist() == [*RED]
    assert pixels(clear)[0, 0, 3] == 0
    assert pixels(clear)[30, 30, 3] == 255


def test_a_cutout_that_needs_nothing_keeps_its_bytes() -> None:
    stored, place = cutout(RED, below=255), Placement(scaled=(40, 30), canvas=(40, 30))

    assert render_picture(stored, place, is_transparent=True, is_cutout=False) == stored


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        size_of(b"no picture")

    assert caught.value.reason is Reason.UNREADABLE_PICTURE


@pytest.mark.parametrize("below", [0, 90, 255])
def test_a_cut_out_that_is_white_below_already_is_left_as_it_is_and_any_other_is_made_so(below: int) -> None:
    stored = cutout(RED, below=below)

    written = render_picture(stored, Placement(scaled=(40, 30), canvas=(40, 30)), is_transparent=True, is_cutout=True)

    found = pixels(written)
    assert (written == stored) == (below == 255)
    assert np.unique(found[found[..., 3] == 0], axis=0).tolist() == [[255, 255, 255, 0]]
    assert np.array_equal(found[..., 3], pixels(stored)[..., 3])
