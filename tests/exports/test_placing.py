"""Where masks come to lie, in clips that were cut, cropped and paced anew."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset_schema import Sample
from exports.clip import ExportedClip, ExportedVideo, File
from exports.placing import PlacedPicture, mask_of, placed_pictures
from tests.exports.made_clips import RED, as_cut, cutout, entity, make_sample, reference


def clip_of(sample: Sample, *, is_copy: bool = True, fps: float = 24.0, frames: int = 130) -> ExportedClip:
    video = ExportedVideo(
        file=File(name="a.mp4"),
        frames=frames,
        num_frames=frames,
        fps=fps,
        height=sample.height,
        width=sample.width,
        has_sound=False,
        is_copy=is_copy,
        footage="published",
    )
    return ExportedClip(
        clip_id=sample.clip_id,
        source=sample.source,
        group="",
        caption=sample.caption,
        original_caption=sample.caption,
        licence=None,
        video=video,
    )


WHOLE = replace(
    make_sample(video=b"-"),
    caption="A dog.",
    entities=(entity("A dog.", "dog", reference(cutout(RED), time_s=3.0)),),
)
CUT = as_cut(WHOLE, Path("/nowhere/long.mp4"), start_s=2.0, end_s=6.0)


def frames(sample: Sample, clip: ExportedClip) -> list[int]:
    return [placed.frame for placed in placed_pictures(clip, sample)]


def test_a_copied_file_has_the_frame_of_the_index_and_a_cut_that_of_the_time() -> None:
    assert frames(WHOLE, clip_of(WHOLE)) == [24]
    assert frames(CUT, clip_of(CUT)) == [24]  # a second after its start
    assert frames(CUT, clip_of(CUT, is_copy=False, fps=16.0)) == [16]


def test_pictures_that_the_clip_does_not_show_are_left_out() -> None:
    early = replace(CUT, source=replace(CUT.source, start_s=3.5))
    face = replace(WHOLE.entities[0], references=(reference(cutout(RED), is_face=True),))
    given = replace(WHOLE.entities[0], references=(reference(cutout(RED), time_s=None),))

    assert frames(early, clip_of(early)) == []
    assert frames(WHOLE, clip_of(WHOLE, frames=24)) == []
    assert frames(replace(WHOLE, entities=(face,)), clip_of(WHOLE)) == []
    assert frames(replace(WHOLE, entities=(given,)), clip_of(WHOLE)) == []


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((64, 96), (10, 8, 40, 48)),
        ((32, 48), (5, 4, 20, 24)),
        ((64, 64), (-6, 8, 24, 48)),  # 16 columns are cropped away on each side
        ((32, 96), (10, -8, 40, 32)),
    ],
)
def test_boxes_and_masks_follow_the_size_of_the_clip_and_what_is_cropped_away(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    sample = replace(CUT, height=size[0], width=size[1])

    (placed,) = placed_pictures(clip_of(sample), sample)
    mask = mask_of(placed, size)

    assert placed.box == box
    whole = mask_of(replaced(placed, (10, 8, 40, 48)), (64, 96))
    if size == (64, 96):
        assert mask.sum() == pytest.approx(np.pi * 15 * 20, rel=0.03)
        assert (mask[28, 25], mask[9, 11]) == (True, False)
    elif size == (32, 48):
        assert np.abs(mask.astype(int) - whole[::2, ::2]).mean() < 0.05
    elif size == (64, 64):
        assert np.array_equal(mask, whole[:, 16:80])
    else:
        assert np.array_equal(mask, whole[16:48])


def replaced(placed: PlacedPicture, box: tuple[int, int, int, int]) -> PlacedPicture:
    return replace(placed, box=box)


def test_what_was_cropped_away_altogether_is_left_out() -> None:
    sample = replace(CUT, height=64, width=8)

    assert placed_pictures(clip_of(sample), sample) == []
