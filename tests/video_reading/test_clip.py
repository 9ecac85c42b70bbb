"""What is opened, read and kept of a file on the way to its frames."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.curation.made_videos import part_of, read_barcode, write_barcodes
from video_reading import packets
from video_reading.clip import open_clip
from video_reading.part import Span, VideoPart
from video_reading.shown_frames import ShownFrame


def numbered(frames: Iterable[ShownFrame]) -> list[tuple[float, int]]:
    """Their times, and the index that each one carries."""
    return [
        (shown.time_s, read_barcode(np.asarray(shown.frame.to_ndarray(format="rgb24"), np.uint8))) for shown in frames
    ]


def frames_of(part: VideoPart) -> list[tuple[float, int]]:
    with open_clip(part) as clip:
        return numbered(clip.frames)


@pytest.mark.parametrize(("start_s", "end_s"), [(None, None), (1.0, 2.0)])
def test_a_clip_too_large_to_be_kept_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_s: float | None, end_s: float | None
) -> None:
    part = part_of(write_barcodes(tmp_path / "a.mp4", 72, key_frame_every=10), start_s, end_s)
    kept = frames_of(part)

    monkeypatch.setattr(packets, "_KEPT_BYTES", 100)

    assert frames_of(part) == kept
    assert [index for _, index in kept] == (list(range(72)) if start_s is None else list(range(24, 48)))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
@pytest.mark.parametrize("start_s", [None, 4.0])
def test_no_more_is_read_than_is_looked_at(tmp_path: Path, name: str, start_s: float | None) -> None:
    path = write_barcodes(tmp_path / name, 480, key_frame_every=24)
    part = VideoPart(file=path, span=Span(start_s=start_s))
    whole = frames_of(part)[:24]

    with open_clip(part, enough_s=1.0) as clip:
        some = numbered(clip.frames)[:24]

    assert some == whole
    assert clip.timeline.packets < 60 + 24 * (start_s or 0)
    assert clip.timeline.end_s >= whole[0][0] + 1.0


def test_the_content_of_a_file_has_the_same_frames_as_its_path(tmp_path: Path) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 48, key_frame_every=10)
    span = Span(start_s=0.5, end_s=1.5)

    from_path, from_content = (frames_of(VideoPart(file=file, span=span)) for file in (path, path.read_bytes()))

    assert from_path == from_content
    assert len(from_path) == 24


def test_reading_leaves_the_loudness_of_the_libraries_alone(tmp_path: Path) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 24)
    before = av.logging.get_level()

    with open_clip(part_of(path)) as clip:
        for _ in clip.frames:
            assert av.logging.get_level() == before
