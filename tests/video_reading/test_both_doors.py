"""Curation and modeling see the same pictures in every file, and they are those that a viewer sees.

Pictures are compared at the bucket's size, which is that of most files. The tolerances, in levels of 255, are little
more than what is measured. Compression changes a color by 2; a picture differs from the drawn one by 0.7 on average, by
4.0 where every second row was left out, and by 3.6 where every second row of what moves is made up. One frame through
both doors does not differ at all, or by 1.7 where two filters shrink a larger one. The mildest mistake that can be made
with colors, HLG taken for standard range, changes one of them by 17, the wrong matrix by 30; a frame turned wrongly
differs by 100.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.records import Frames, Image
from curation.stage import ClipError
from curation.stages.decode import Decode, DecodeConfig
from dataset_schema import Bucket
from modeling.data.video import Video, decode_clip
from tests.curation.made_videos import clip_of, read_barcode
from tests.video_reading.odd_files import BT2020, HEIGHT, ODD_FILES, UNSPECIFIED, WIDTH, OddFile

BUCKET = Bucket(17, HEIGHT, WIDTH)

COLOR_TOLERANCE = 4.0
PICTURE_TOLERANCE = 5.0
SHRUNK_TOLERANCE = 2.5
# Where fields are woven, rows of what moves differ by 150.
MAX_COMB = 40


@dataclass(frozen=True)
class Doors:
    """One file through both."""

    file: OddFile
    curated: Frames
    trained: Video
    trained_from_bytes: Video

    @property
    def first(self) -> int:
        """The frame that the clip begins with."""
        start_s, _ = self.file.span_s or (0.0, 0.0)
        return int(np.searchsorted(self.file.times_s, start_s - 1e-6))

    @property
    def trained_frames(self) -> list[int]:
        """The frame on show in the middle of each 1/24 s from the first one on."""
        times_s = np.array(self.file.times_s)
        middles_s = times_s[self.first] + (np.arange(BUCKET.frames) + 0.5) / 24
        return [int(frame) for frame in np.searchsorted(times_s, middles_s, side="right") - 1]


@pytest.fixture(scope="module")
def stage() -> Iterator[Decode]:
    stage = Decode(DecodeConfig())
    yield stage
    stage.close()


@pytest.fixture(scope="module", params=ODD_FILES)
def doors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, stage: Decode) -> Doors:
    file = ODD_FILES[request.param]
    path = file.write(tmp_path_factory.mktemp("odd"))
    start_s, end_s = file.span_s or (None, None)
    (clip,) = stage.score([clip_of(path, start_s, end_s)])
    assert clip.frames is not None
    trained, from_bytes = (decode_clip(video, BUCKET, start_s=start_s or 0.0) for video in (path, path.read_bytes()))
    return Doors(file, clip.frames, trained, from_bytes)


def index_on(image: Image) -> int:
    height = len(image)
    return read_barcode(image[3 * height // 8 : 5 * height // 8])


def at_bucket_size(image: Image) -> Image:
    return np.asarray(cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def quarters(image: Image) -> np.ndarray:
    """The color inside each quarter, away from what moves there."""
    rows, columns = (slice(2, 7), slice(-7, -2)), (slice(4, 20), slice(-20, -4))
    return np.array([np.median(image[row, column], axis=(0, 1)) for row in rows for column in columns])


def combs(image: Image) -> int:
    """The largest step from row to row where the block moves."""
    return int(np.abs(np.diff(image[12:34].astype(int).mean(axis=2), axis=0)).max())


def test_both_doors_show_the_frames_in_the_order_and_at_the_time_of_a_player(doors: Doors) -> None:
    frames = range(doors.first, doors.first + len(doors.curated.times_s))

    assert [index_on(image) for image in doors.curated.thumbnails] == list(frames)
    np.testing.assert_allclose(doors.curated.times_s, [doors.file.times_s[frame] for frame in frames], atol=1e-3)
    assert [index_on(image) for image in doors.trained] == doors.trained_frames


def test_both_doors_show_what_a_viewer_sees(doors: Doors) -> None:
    curated = [(reference.index + doors.first, reference.image) for reference in doors.curated.reference_frames]

    assert len(curated) == 3
    for frame, image in [*curated, *zip(doors.trained_frames, doors.trained, strict=True)]:
        shown, truth = at_bucket_size(image), at_bucket_size(doors.file.see(frame))
        np.testing.assert_allclose(quarters(shown), quarters(truth), atol=COLOR_TOLERANCE)
        assert difference(shown, truth) < PICTURE_TOLERANCE
        assert combs(shown) < MAX_COMB


def test_a_frame_looks_the_same_through_both_doors(doors: Doors) -> None:
    trained = dict(zip(doors.trained_frames, doors.trained, strict=True))
    pairs = [
        (reference.image, trained[reference.index + doors.first])
        for reference in doors.curated.reference_frames
        if reference.index + doors.first in trained
    ]

    assert len(pairs) >= 2
    for curated, shown in pairs:
        is_shrunk = curated.shape != shown.shape
        assert difference(at_bucket_size(curated), shown) <= (SHRUNK_TOLERANCE if is_shrunk else 0)


def test_content_and_path_give_the_same_frames(doors: Doors) -> None:
    assert np.array_equal(doors.trained, doors.trained_from_bytes)


def in_ycgco(folder: Path) -> Path:
    ordinary = ODD_FILES["ordinary"]
    return replace(ordinary, coding=replace(ordinary.coding, tag=8)).write(folder)


def in_dolby_vision(folder: Path, tag: int = UNSPECIFIED) -> Path:
    ten_bits = ODD_FILES["full range in ten bits"]
    path = replace(ten_bits, coding=replace(ten_bits.coding, tag=tag)).write(folder)
    path.write_bytes(path.read_bytes().replace(b"hev1", b"dvh1"))
    return path


@pytest.mark.parametrize(
    ("write", "sentence"), [(in_ycgco, "codes its colors as YCgCo"), (in_dolby_vision, "is Dolby Vision with colors")]
)
def test_colors_that_cannot_be_shown_are_refused_at_both_doors(
    tmp_path: Path, stage: Decode, write: Callable[[Path], Path], sentence: str
) -> None:
    path = write(tmp_path)

    with pytest.raises(ClipError, match=sentence):
        stage.score([clip_of(path)])
    with pytest.raises(ValueError, match=sentence):
        decode_clip(path, BUCKET)


def test_dolby_vision_that_names_its_colors_is_shown(tmp_path: Path, stage: Decode) -> None:
    path = in_dolby_vision(tmp_path, tag=BT2020)

    assert len(stage.score([clip_of(path)])) == 1
    assert len(decode_clip(path, BUCKET)) == BUCKET.frames
