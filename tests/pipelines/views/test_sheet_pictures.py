"""A sheet shows the frames of a clip as curation saw them: the third door, beside those of curation and training."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset_schema import Payload, Sample
from pipelines.views.sheet_pictures import frames_at
from tests.video_reading.odd_files import ODD_FILES
from tests.video_reading.test_both_doors import COLOR_TOLERANCE, index_on, quarters


@pytest.mark.parametrize(
    "name",
    [
        *("ordinary", "mirrored top to bottom", "transposed", "PQ", "wide pixels", "a small stream in front"),
        *("a changing pace", "a gap", "reordered frames in AVI", "a span"),
    ],
)
def test_a_sheet_shows_the_frame_of_its_time_as_a_viewer_sees_it(
    make_sample: Callable[[int], Sample], tmp_path: Path, name: str
) -> None:
    file = ODD_FILES[name]
    sample = make_sample(0)
    shown = replace(sample, video=Payload(path=str(file.write(tmp_path))), video_start_s=0.0)

    frames = frames_at(shown, [file.times_s[3], file.times_s[11]])

    for index, frame in zip((3, 11), frames, strict=True):
        assert frame is not None
        assert index_on(frame) == index
        assert np.abs(quarters(frame) - quarters(file.see(index))).max() <= COLOR_TOLERANCE
