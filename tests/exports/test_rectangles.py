"""The original rectangle of a reference: cut from the frame that its row names."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dataset_schema import Sample
from exports import cutting
from exports.cutting import CutConfig, Footage, plan_cut
from exports.grids import FrameGrid
from exports.rectangles import cut_rectangle
from exports.refusal import Reason, Refused
from exports.target import Target
from tests.exports.made_clips import RED, as_cut, cutout, grey, make_sample, reference, video_bytes

ANY = Target(grid=FrameGrid())


def rectangle(
    sample: Sample, *, time_s: float | None = 1.0, footage: Footage = Footage.FITTING
) -> npt.NDArray[np.uint8]:
    plan = plan_cut(sample, ANY, CutConfig(footage=footage), root=Path("/dataset"), has_bytes=True)
    found = cut_rectangle(reference(cutout(RED), time_s=time_s), sample, plan, sample.video.bytes)
    return np.asarray(Image.open(io.BytesIO(found)))


def test_it_is_the_box_of_the_frame_at_its_time() -> None:
    found = rectangle(make_sample(frames=60))

    assert found.shape == (40, 30, 3)  # the reference's box
    assert abs(float(found.mean()) - grey(24)) <= 2


def test_of_a_cut_it_is_counted_from_the_start_of_the_clip(tmp_path: Path) -> None:
    sample = as_cut(make_sample(frames=60), tmp_path / "gone.mp4", start_s=10.0, end_s=12.5)

    assert abs(float(rectangle(sample, time_s=11.0).mean()) - grey(24)) <= 2


def test_a_picture_from_outside_the_clip_is_cut_from_the_source(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(video_bytes(frames=130))
    sample = as_cut(make_sample(frames=24), tmp_path / "film.mp4", start_s=0.5, end_s=1.5)
    larger = replace(sample, media=replace(sample.media, height=32, width=48))  # boxes are in its pixels

    assert abs(float(rectangle(sample, time_s=4.0, footage=Footage.SOURCE).mean()) - grey(96)) <= 2
    assert rectangle(larger, time_s=4.0, footage=Footage.SOURCE).shape[:2] == (48, 60)


def test_of_a_cut_that_was_cropped_it_comes_from_the_source_or_not_at_all(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    tall = make_sample(frames=60, size=(96, 64))  # the source; the cut covers 32 x 64, so a third of its height is left
    sample = replace(make_sample(frames=60, size=(32, 64)), media=tall.media)
    sample = as_cut(sample, film, start_s=0.0, end_s=2.5)

    with pytest.raises(Refused, match="the published cut does not show, and its source is gone"):
        rectangle(sample)
    film.write_bytes(tall.video.bytes or b"")
    cutting._is_there.cache_clear()

    assert rectangle(sample).shape == (40, 30, 3)


def test_what_no_footage_shows_is_refused(tmp_path: Path) -> None:
    sample = as_cut(make_sample(frames=24), tmp_path / "gone.mp4", start_s=0.5, end_s=1.5)

    with pytest.raises(Refused, match=r"cut at 4.00 s out of a frame that the published cut does not show") as caught:
        rectangle(sample, time_s=4.0)
    with pytest.raises(Refused, match="nothing is known of where a given picture was cut from"):
        rectangle(make_sample(frames=24), time_s=None)

    assert caught.value.reason is Reason.NO_RECTANGLE
