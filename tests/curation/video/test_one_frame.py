"""Single frames of a video whose frames carry their own index."""

from pathlib import Path

import pytest

from curation.given import FrameAt
from curation.stage import ClipError
from curation.video.decoding import decode
from curation.video.one_frame import grab_frame
from curation.video.requests import DecodeRequest, FrameRequest
from tests.curation.made_videos import part_of, read_barcode, write_barcodes


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_barcodes(tmp_path_factory.mktemp("video") / "v.mp4", 30, options={"bf": "2", "crf": "20"})


@pytest.mark.parametrize(
    ("at", "span", "expected"),
    [
        (FrameAt(index=0), (None, None), 0),
        (FrameAt(index=29), (None, None), 29),
        (FrameAt(share=0.5), (None, None), 15),
        (FrameAt(share=1.0), (None, None), 29),
        (FrameAt(index=3), (9.5 / 24, 19.5 / 24), 13),
        (FrameAt(share=0.49), (9.5 / 24, 19.5 / 24), 14),
    ],
)
def test_the_frame_that_is_asked_for_comes(
    video: Path, at: FrameAt, span: tuple[float | None, float | None], expected: int
) -> None:
    assert read_barcode(grab_frame(FrameRequest(part=part_of(video, *span), at=at))) == expected


def test_the_reference_frames_of_a_clip_may_be_asked_for(video: Path) -> None:
    wanted = (FrameAt(index=7), FrameAt(index=2), FrameAt(share=0.7))
    request = DecodeRequest(part=part_of(video), max_duration_s=9.0, reference_long_side=1280, wanted=wanted)

    frames = decode(request).frames.reference_frames

    assert [(frame.index, read_barcode(frame.image)) for frame in frames] == [(2, 2), (7, 7), (21, 21)]


def test_a_frame_that_is_not_there_is_told(video: Path) -> None:
    part, beyond = part_of(video), FrameAt(index=30)

    with pytest.raises(ClipError, match="frame 30 was annotated, and there are 30 frames; this is another version"):
        grab_frame(FrameRequest(part=part, at=beyond))
    with pytest.raises(ClipError, match="frame 30 was annotated, and there are 30 frames; this is another version"):
        decode(DecodeRequest(part=part, max_duration_s=9.0, reference_long_side=1280, wanted=(beyond,)))


@pytest.mark.parametrize("at", [{}, {"index": 1, "share": 0.5}, {"index": -1}, {"share": 1.5}])
def test_a_place_that_can_be_none_is_refused(at: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected (one of them|0 or more)"):
        FrameAt(**at)  # type: ignore[arg-type]
